"""HTML as text, and Markdown by its headings."""

import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser

from server.digests.recognisers.base import computed
from server.digests.values import Fact, Part, Section

_HEADING = re.compile(r"^(?P<marks>#{1,6}) +(?P<text>\S.*?)#* *$")
_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<language>\S*)")
_LINK = re.compile(r"\]\(\S+\)")
_WORD = re.compile(r"\w{2,}")
_SILENT = frozenset({"script", "style", "template", "noscript", "svg"})
_BLOCKS = frozenset(
    {
        "p",
        "li",
        "td",
        "th",
        "dt",
        "dd",
        "pre",
        "blockquote",
        "caption",
        "figcaption",
        "label",
        "summary",
        "div",
        "section",
        "article",
    }
)
_HEADINGS = frozenset({"title", "h1", "h2", "h3", "h4", "h5", "h6"})


def is_markdown(lines: Sequence[str]) -> bool:
    """Return whether headings stand between blank lines, with lists, links or fences among them."""
    headings = signs = 0
    for index, line in enumerate(lines[:2_000]):
        if _HEADING.match(line):
            before = lines[index - 1] if index else ""
            after = lines[index + 1] if index + 1 < len(lines) else ""
            headings += not before.strip() and not after.strip()
        elif line.startswith(("- ", "* ", "1. ", "```", "> ", "| ")) or _LINK.search(line):
            signs += 1
    return headings >= 2 and signs >= 2


def markdown_facts(lines: Sequence[str]) -> list[Fact]:
    """Return headings with their line numbers, and the text after each heading."""
    found: list[Fact] = []
    counts: Counter[str] = Counter()
    fence, language, wants = "", "", None
    for number, line in enumerate(lines, start=1):
        if mark := _FENCE.match(line):
            if not fence:
                fence, language = mark["fence"], mark["language"]
                counts[f"code blocks{f' ({language})' if language else ''}"] += 1
            elif line.strip().startswith(fence):
                fence = ""
            continue
        if fence:
            continue
        counts["links"] += len(_LINK.findall(line))
        counts["table rows"] += line.startswith("|")
        if heading := _HEADING.match(line):
            level = len(heading["marks"])
            counts["headings"] += 1
            wants = level
            worth = 92 - 7 * level - min(len(found) // 40, 10)
            found.append(Fact(Section.NOTE, (Part(line, number, worth),)))
        elif wants is not None and line.strip() and not line.lstrip().startswith(("[![", "<", "|", "![")):
            worth = 66 - 7 * wants - min(len(found) // 20, 20)
            found.append(Fact(Section.NOTE, (Part(line, number, worth),)))
            wants = None
    told = ", ".join(f"{count} {name}" for name, count in counts.most_common() if count)
    return [Fact(Section.RESULT, (computed(f"Markdown: {told}", 96),)), *found] if counts["headings"] else []


def html_facts(text: str) -> list[Fact]:
    """Return the title, the headings and the text of a page."""
    reader = _Page()
    reader.feed(text)
    reader.close()
    reader.end_block()
    told = ", ".join(f"{count} {name}" for name, count in reader.counts.most_common(8))
    found = [Fact(Section.RESULT, (computed(f"HTML: {told}", 96),))] if told else []
    known: set[str] = set()
    for place, (tag, line, said) in enumerate(reader.blocks):
        words = set(_WORD.findall(said.casefold()))
        fresh = len(words - known) / max(len(words), 1)
        known |= words
        if tag in _HEADINGS:
            worth = 98 if tag == "title" else 92 - 5 * int(tag[1])
        else:
            worth = 40 + int(24 * fresh) - min(place // 40, 10) - (0 if fresh else 12)
        found.append(Fact(Section.NOTE, (computed(f"{tag} (L{line}): {said}", worth),)))
    return found


class _Page(HTMLParser):
    """Collects blocks of text, each with the line it starts on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[str, int, str]] = []
        self.counts: Counter[str] = Counter()
        self._tag = "text"
        self._line = 1
        self._pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        names = {
            "a": "links",
            "table": "tables",
            "form": "forms",
            "img": "images",
            "tr": "table rows",
            "input": "inputs",
        }
        if tag in names:
            self.counts[names[tag]] += 1
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS or tag in _HEADINGS:
            self.end_block()
            self._tag = tag

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS or tag in _HEADINGS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            if not self._pieces:
                self._line = self.getpos()[0]
            self._pieces.append(data)

    def end_block(self) -> None:
        """Keep the text collected since the last block."""
        said = " ".join(" ".join(self._pieces).split())
        if said and len(self.blocks) < 4_000:
            self.blocks.append((self._tag, self._line, said))
        self._pieces, self._tag = [], "text"
