"""Compares XML and HTML: elements by path, and their attributes."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from xml.parsers import expat

from server.offload.code.languages import named_language
from server.offload.code.syntax import captured, text_of, tree_of
from server.offload.compare.values import Change

_TAG = re.compile(r"<\s*([^\s/>]+)")
_ATTRIBUTE = re.compile(r"([^\s=<>\"'/]+)\s*(?:=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+))?")
_IDENTITY = ("id", "name", "key", "artifactid")


@dataclass(frozen=True)
class Element:
    """A single element: the tags from the root down to it, its attributes, its own text, its line."""

    path: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    text: str
    line: int

    @property
    def tag(self) -> str:
        """The element's tag name."""
        return self.path[-1]

    @property
    def label(self) -> str:
        """The element's name as shown in a reply: ``<style scoped>``, ``<license>MIT``."""
        shown = "".join(f" {k}" + (f'="{v}"' if v else "") for k, v in self.attributes)
        return f"<{self.tag}{shown}>{' '.join(self.text.split())[:40]}"


def xml_elements(text: str) -> list[Element] | str:
    """Return the elements in an XML text, or the first error."""
    found: list[Element] = []
    path: list[str] = []
    open_at: list[int] = []
    texts: list[list[str]] = []
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        path.append(tag)
        texts.append([])
        open_at.append(len(found))
        found.append(Element(tuple(path), tuple(attributes.items()), "", parser.CurrentLineNumber))

    def end(_tag: str) -> None:
        at, said = open_at.pop(), "".join(texts.pop()).strip()
        found[at] = Element(found[at].path, found[at].attributes, said, found[at].line)
        path.pop()

    def data(said: str) -> None:
        if texts:
            texts[-1].append(said)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = data
    declared = re.sub(r"(<\?xml[^>]*?)\s+encoding\s*=\s*(?:\"[^\"]*\"|'[^']*')", r"\1", text, count=1)
    try:
        parser.Parse(declared.lstrip("\ufeff"), True)
    except expat.ExpatError as error:
        return f"Line {error.lineno}: {expat.ErrorString(error.code)}."
    return found


def html_elements(text: str) -> list[Element]:
    """Return the elements in HTML, or in a component written in HTML, as far as they can be recognised."""
    language = named_language("html")
    if language is None:
        return []
    found: list[Element] = []
    around: list[tuple[int, tuple[str, ...]]] = []
    types = ("element", "script_element", "style_element")
    for node in captured(tree_of(text, language).root_node, language, types):
        while around and node.start_byte >= around[-1][0]:
            around.pop()
        opening = next((child for child in node.children if child.type.endswith("tag")), None)
        tag = _TAG.match(text_of(opening)) if opening is not None else None
        if opening is None or tag is None:
            continue
        path = (*(around[-1][1] if around else ()), tag[1].lower())
        attributes = tuple(
            (match[1].lower(), (match[2] or "").strip("\"'"))
            for match in _ATTRIBUTE.finditer(text_of(opening)[tag.end() : -1])
        )
        own = " ".join(text_of(child) for child in node.children if child.type == "text")
        found.append(Element(path, attributes, own, node.start_point.row + 1))
        around.append((node.end_byte, path))
    return found


def compare_elements(old: list[Element], new: list[Element]) -> Iterator[Change]:
    """Yield the elements and attributes that occur less often than before."""
    counts = Counter(each.path for each in new)
    before = Counter(each.path for each in old)
    anywhere = Counter(each.tag for each in new)
    had = Counter(each.tag for each in old)
    short = {path: before[path] - counts[path] for path in before if before[path] > counts[path]}
    kept = Counter((each.path, each.attributes, each.text) for each in new)
    gone: set[tuple[str, ...]] = set()
    missing: list[Element] = []
    for each in old:
        if kept[each.path, each.attributes, each.text] > 0:
            kept[each.path, each.attributes, each.text] -= 1
        elif short.get(each.path, 0) > 0 and anywhere[each.tag] < had[each.tag]:
            missing.append(each)
    for each in missing:
        if any(each.path[:size] in gone for size in range(1, len(each.path))):
            continue
        if short[each.path] > 0:
            short[each.path] -= 1
            if counts[each.path] == 0:
                gone.add(each.path)
            yield Change("removed", "element", each.label, each.line, "loss", (each.tag, *_identities(each)))
    yield from _attributes(old, new)


def _identities(element: Element) -> tuple[str, ...]:
    return tuple(value for key, value in element.attributes if key in _IDENTITY and value)


def _attributes(old: list[Element], new: list[Element]) -> Iterator[Change]:
    """Yield attributes removed from elements with a unique path. Other elements cannot be told apart."""
    single = Counter(each.path for each in old)
    after = {each.path: each for each in new}
    for each in old:
        other = after.get(each.path)
        if single[each.path] != 1 or other is None:
            continue
        names = {key for key, _ in other.attributes}
        fresh = names - {key for key, _ in each.attributes}
        lost = [key for key, _ in each.attributes if key not in names]
        for key in lost if not fresh else ():
            yield Change("removed", "attribute", f"{key} of <{each.tag}>", each.line, "loss", (key,))
