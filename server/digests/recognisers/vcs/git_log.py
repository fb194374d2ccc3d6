"""git log: number of commits, authors, dates, titles; merges and reverts."""

import re
from collections import Counter

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_COMMIT = re.compile(r"^(?:[*|/\\ ]+)?commit (?P<hash>[0-9a-f]{7,40})(?: \((?P<refs>.+)\))?$")
_AUTHOR = re.compile(r"^(?:[|/\\ ]+)?Author: +(?P<name>.+?)(?: <\S*>)?$")
_DATE = re.compile(r"^(?:[|/\\ ]+)?(?:Author)?Date: +(?P<date>.+)$")
_STAT = re.compile(r"^ ?\d+ files? changed(?:, .*)?$")


class GitLog(Recogniser):
    """git log and git show in their default formats."""

    name = "git log"
    triggers = (r"^(?:[*|/\\ ]+)?commit [0-9a-f]{7,40}(?: \(.+\))?$",)

    def __init__(self) -> None:
        super().__init__()
        self._commits = 0
        self._authors: Counter[str] = Counter()
        self._dates: list[Part] = []
        self._titles: list[list[Part]] = []
        self._refs: Ends[Part] = Ends()
        self._hash: Part | None = None
        self._header = False

    def feed(self, line: Line) -> bool:
        text = line.text
        if found := _COMMIT.match(text):
            self._commits += 1
            self.open = self._header = True
            self._hash = literal(line, found["hash"][:10])
            if found["refs"]:
                self._refs.append(literal(line, found["refs"]))
        elif self._header and (found := _AUTHOR.match(text)):
            self._authors[found["name"]] += 1
        elif self._header and (found := _DATE.match(text)):
            date = literal(line, found["date"])
            self._dates = [self._dates[0] if self._dates else date, date]
        elif self._header and text.startswith(("    ", "|     ")) and text.strip("| "):
            self._header = False
            if self._hash and len(self._titles) < MOST_KEPT:
                self._titles.append([self._hash, literal(line, text.lstrip("|\\/ "))])
        elif text.startswith(("diff --git", "diff --cc")):
            self.open = False
            return False
        else:
            return text.startswith("    ") or not text or self._header or _STAT.match(text) is not None
        return True

    def facts(self) -> list[Fact]:
        if not self._commits:
            return []
        span = tuple(Part(part.text, part.line, 94) for part in dict.fromkeys(self._dates))
        found = [Fact(Section.RESULT, (computed(f"{self._commits:,} commits", 98), *span))]
        authors = ", ".join(f"{name} {count}" for name, count in self._authors.most_common(20))
        found.append(Fact(Section.RESULT, (computed(f"by {len(self._authors)} authors: {authors}", 92),)))
        found += [
            Fact(Section.RESULT, (Part(p.text, p.line, 90 - min(i, 20)),))
            for i, p in enumerate(self._refs[:20])
        ]
        for place, (number, title) in enumerate(self._titles):
            telling = re.match(r"(?i)revert|merge|fix|release|v?\d+\.\d+", title.text) is not None
            worth = max(74 - place, 30) if not telling else max(80 - place // 4, 40)
            parts = (Part(title.text, title.line, worth), Part(number.text, number.line, worth - 12))
            found.append(Fact(Section.NOTE, parts))
        return found
