"""git status: branch; staged, changed, untracked and conflicting files, by folder if there are many."""

import re
from collections import Counter

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_BRANCH = re.compile(r"^(?:On branch |HEAD detached |Your branch |and have \d+ and |## )")
_SECTION = re.compile(
    r"^(?P<name>Changes to be committed|Changes not staged for commit|Untracked files|Unmerged paths|"
    r"Ignored files):$"
)
_STATE = re.compile(
    r"^You have unmerged paths|^You are currently |^All conflicts fixed|^nothing (?:added )?to commit|"
    r"^no changes added|^interactive rebase|^It took "
)
_ENTRY = re.compile(r"^\t(?:(?P<kind>[a-z][a-z ]+): +)?(?P<name>\S.*)$")
_SHORT = re.compile(r"^(?P<kind>[ MADRCUT?!]{2}) (?P<name>\S.*)$")
_WORTHS = {
    "Unmerged paths": 94,
    "Changes to be committed": 84,
    "Changes not staged for commit": 82,
    "Untracked files": 70,
}


class GitStatus(Recogniser):
    """git status in long and short form."""

    name = "git status"
    triggers = (
        r"^(?:On branch |HEAD detached )\S",
        r"^(?:Changes to be committed|Changes not staged for commit|Untracked files|Unmerged paths|"
        r"Ignored files):$",
        r"^## \S+\.\.\.\S+",
    )

    def __init__(self) -> None:
        super().__init__()
        self._branch: Ends[Part] = Ends()
        self._section = ""
        self._entries: dict[tuple[str, str], list[Part]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()

    def feed(self, line: Line) -> bool:
        text = line.text
        self.open = True
        if _BRANCH.match(text) or _STATE.match(text):
            self._branch.append(literal(line))
        elif found := _SECTION.match(text):
            self._section = found["name"]
        elif self._section and (found := _ENTRY.match(text)):
            self._note(self._section, (found["kind"] or "").strip(), literal(line, text.strip()))
        elif not self._section and (found := _SHORT.match(text)):
            self._note("short", found["kind"], literal(line, text))
        else:
            return not text.strip() or text.startswith("  (use ")
        return True

    def facts(self) -> list[Fact]:
        if not self._branch:
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 97 - i),)) for i, p in enumerate(self._branch[:8])
        ]
        for (section, kind), parts in self._entries.items():
            worth = _WORTHS.get(section, 80)
            label = f"{section if section != 'short' else ''} {kind}".strip()
            shown = tuple(Part(p.text, p.line, worth - 12 - min(i, 30)) for i, p in enumerate(parts[:200]))
            found.append(
                Fact(Section.NOTE, (computed(f"{label} ×{self._counts[section, kind]}", worth), *shown))
            )
            if self._counts[section, kind] > 12:
                found.append(Fact(Section.NOTE, (computed(_folders(parts), worth - 8),)))
        return found

    def _note(self, section: str, kind: str, part: Part) -> None:
        self._counts[section, kind] += 1
        kept = self._entries.setdefault((section, kind), [])
        if len(kept) < MOST_KEPT:
            kept.append(part)


def _folders(parts: list[Part]) -> str:
    folders = Counter((part.text.split(": ")[-1].strip().rpartition("/")[0] or ".") for part in parts)
    return "by folder: " + ", ".join(f"{name} {count}" for name, count in folders.most_common(8))
