"""XML: failed tests of a report, elements that name an error, values by path, records."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from server.digests.frames import frame_of
from server.digests.recognisers.base import computed
from server.digests.recognisers.data.columns import Column
from server.digests.recognisers.data.xml_tree import Element, parse_xml
from server.digests.severity import is_mark
from server.digests.values import Fact, Section

_OUTCOMES = frozenset({"failure", "error", "rerunFailure", "rerunError", "flakyFailure", "flakyError"})
"""Elements that report the failure of the element around them (JUnit)."""
_PLACE = re.compile(r"[\w./\\-]+\.\w{1,5}:\d+")
_SCHEMA = ("xmlns", "xsi:")
"""Attributes that name a schema begin like this."""
_MOST_PATHS = 120
_MOST_PROBLEMS = 60
_MOST_RECORDS = 120
_MOST_TOTALS = 4
_LONGEST = 240
_LONGEST_STATE = 40
_LEAST_RECORDS = 3
_LEAST_ELEMENTS = 5
_DEEPEST = 40


def xml_facts(text: str) -> list[Fact]:
    """Return the facts of an XML document, or none for other text."""
    root = parse_xml(text)
    if root is None or root.tag.casefold() == "html":
        return []
    elements = list(root.walk())
    if len(elements) < _LEAST_ELEMENTS:
        return []
    counts = Counter(each.tag for each in elements)
    told = ", ".join(f"{count} {tag}" for tag, count in counts.most_common(10))
    found = [Fact(Section.RESULT, (computed(f"XML: {root.tag}, {len(elements):,} elements: {told}", 98),))]
    found += _totals([each for each in elements if counts[each.tag] == 1])
    found += _problems(root)
    found += _paths(root)
    return [*found, *_records(elements, counts)]


def _totals(elements: Sequence[Element]) -> Iterator[Fact]:
    """Yield the attributes of elements that occur once, where reports have their totals."""
    for place, each in enumerate(elements[:_MOST_TOTALS]):
        own = {name: value for name, value in each.attributes.items() if not name.startswith(_SCHEMA)}
        if own:
            worth = 94 - 8 * place
            told = " ".join(f"{name}={_short(value, 60)}" for name, value in own.items())
            yield Fact(Section.RESULT, (computed(f"{each.tag} (L{each.line}): {told}", worth),))


def _problems(root: Element) -> Iterator[Fact]:
    """Yield failed tests, and elements with a state that names an error."""
    failures = states = 0
    for parent in root.walk():
        told = False
        for each in parent.children:
            if each.tag in _OUTCOMES and parent.attributes:
                if failures < _MOST_PROBLEMS:
                    yield _failure(parent, each, 90 - min(failures, 40))
                failures += 1
            elif states < _MOST_PROBLEMS and _is_state(each.text) and not each.children and not told:
                told = True
                yield Fact(Section.ERROR, (computed(_described(parent), 84 - min(states, 40)),))
                states += 1
        if states < _MOST_PROBLEMS and any(map(_is_state, parent.attributes.values())):
            yield Fact(Section.ERROR, (computed(_described(parent), 84 - min(states, 40)),))
            states += 1


def _failure(test: Element, outcome: Element, worth: int) -> Fact:
    named = f"{test.tag} {_named(test)} (L{outcome.line}): {outcome.tag}"
    parts = [computed(named, worth), computed(_cause(outcome), worth - 1)]
    parts += [computed(frame, worth - 4) for frame in _frames(outcome.text)]
    return Fact(Section.FAILURE, tuple(parts))


def _is_state(value: str) -> bool:
    """Return whether a value is one word that names an error, such as ``Failed``."""
    return len(value) <= _LONGEST_STATE and value.isalpha() and is_mark(value)


def _named(element: Element) -> str:
    """Return what tells an element from others of its kind: its names, or else its first attribute."""
    named = [value for name, value in element.attributes.items() if name in ("classname", "name", "id")]
    return ".".join(named or list(element.attributes.values())[:1])


def _cause(element: Element) -> str:
    lines = [line.strip() for line in element.text.splitlines() if line.strip()]
    said = " ".join(element.attributes.get("message", "").split()) or (lines[0] if lines else "")
    kind = element.attributes.get("type", "")
    return _short(f"{kind}: {said}" if kind and kind not in said else said, _LONGEST)


def _frames(text: str) -> list[str]:
    """Return the place of a failure: the first of the project's own, or the last line that names one."""
    lines = text.splitlines()
    frames = [frame for line in lines if (frame := frame_of(line)) is not None and frame.place]
    own = [frame.place for frame in frames if not frame.library]
    if own:
        return [own[0]]
    last = next((line.strip() for line in reversed(lines) if _PLACE.match(line.strip())), "")
    return [_short(last, 120)] if last else []


def _described(element: Element) -> str:
    told = " ".join(f"{name}={_short(value, 80)}" for name, value in element.attributes.items())
    below = (f"{each.tag}={_short(each.text, 60)}" for each in element.children if each.text)
    said = " ".join(below) or _short(element.text, 120)
    return _short(f"{element.tag} (L{element.line}): {' '.join(filter(None, (told, said)))}", _LONGEST)


def _paths(root: Element) -> Iterator[Fact]:
    """Yield the values at each path, outer paths first."""
    columns: dict[str, tuple[int, Column]] = {}
    waiting = [(root, root.tag, 0)]
    while waiting:
        each, path, depth = waiting.pop()
        values = [(f"{path}@{name}", value) for name, value in each.attributes.items()]
        if each.text and not each.children:
            values.append((path, each.text))
        for name, value in values:
            if name in columns or len(columns) < _MOST_PATHS:
                columns.setdefault(name, (depth, Column(name)))[1].add(_short(value, 120), each.line)
        if depth < _DEEPEST:
            waiting += [(child, f"{path}/{child.tag}", depth + 1) for child in reversed(each.children)]
    for place, (depth, column) in enumerate(columns.values()):
        worth = 80 - min(4 * depth + place // 4, 30)
        if column.filled > 1:
            yield column.fact(0, worth)
        elif "@" not in column.name:
            yield Fact(Section.NOTE, (computed(f"{column.name}: {next(iter(column.values))}", worth),))


def _records(elements: Sequence[Element], counts: Counter[str]) -> Iterator[Fact]:
    """Yield the elements that recur and contain only values, as lists of their values."""
    groups: dict[str, list[Element]] = {}
    for each in elements:
        if counts[each.tag] >= _LEAST_RECORDS and len(_values(each)) > 1:
            groups.setdefault(each.tag, []).append(each)
    for tag, members in groups.items():
        if len(members) < _LEAST_RECORDS:
            continue
        parts = [computed(f"{len(members)} {tag}", 70)]
        for place, each in enumerate(members[:_MOST_RECORDS]):
            parts.append(computed(f"{':'.join(_values(each))} (L{each.line})", 69 - min(place // 4, 30)))
        yield Fact(Section.NOTE, tuple(parts))


def _values(element: Element) -> list[str]:
    """Return the text of each element in an element, except of those that contain elements themselves."""
    return [_short(each.text, 60) for each in element.children if each.text and not each.children]


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
