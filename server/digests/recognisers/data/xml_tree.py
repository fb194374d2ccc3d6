"""XML as a tree of elements with their lines. Documents that define entities are refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

_ROOT = "_"
"""Name of the element around elements that have no common root."""
_MOST_ELEMENTS = 200_000
_MOST_TEXT = 20_000
"""Maximum number of characters kept of an element's text."""


@dataclass(slots=True, eq=False)
class Element:
    """An element with its attributes, its own text, and the line that it begins on."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def walk(self) -> Iterator["Element"]:
        """Yield this element and all elements below it, in text order."""
        waiting = [self]
        while waiting:
            each = waiting.pop()
            yield each
            waiting.extend(reversed(each.children))


def parse_xml(text: str) -> Element | None:
    """Return the root, or None if the text is not well-formed XML. Elements side by side get a root."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", " ").rstrip()
    bare = text.lstrip()
    if not (bare.startswith("<") and bare.endswith(">")):
        return None
    above = text.count("\n", 0, len(text) - len(bare))
    root = _parsed(bare, above)
    if root is None and not bare.startswith(("<?", "<!")):
        root = _parsed(f"<{_ROOT}>{bare}</{_ROOT}>", above)
    return root


class _RefusedError(Exception):
    """The document is too large, or it defines an entity."""


class _Builder:
    """Builds the tree while the parser reads."""

    def __init__(self, parser: expat.XMLParserType, above: int) -> None:
        self.root: Element | None = None
        self._parser = parser
        self._open: list[Element] = []
        self._pieces: list[list[str]] = []
        self._count = 0
        self._above = above
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._refuse
        parser.buffer_text = True

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_ELEMENTS:
            raise _RefusedError
        line = self._above + self._parser.CurrentLineNumber
        element = Element(tag.rpartition(":")[2], line, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._pieces.append([])

    def _end(self, _tag: str) -> None:
        self._open.pop().text = "".join(self._pieces.pop()).strip()[:_MOST_TEXT]

    def _data(self, data: str) -> None:
        self._pieces[-1].append(data)

    def _refuse(self, *_declared: object) -> None:
        raise _RefusedError


def _parsed(text: str, above: int) -> Element | None:
    """Parse the text with ``above`` lines before it."""
    parser = expat.ParserCreate()
    builder = _Builder(parser, above)
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, _RefusedError, ValueError):
        return None
    return builder.root
