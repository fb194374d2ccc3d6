"""Selected parts of a file: ``Class.method`` by grammar or ``10-40`` by line, and the outline around them."""

import difflib
import re
from collections.abc import Sequence

from server.common.errors import SelectionNotFound
from server.offload.code.languages import Language, language_of
from server.offload.code.syntax import Definition, definitions, imports

LONGEST_SIGNATURE = 200
MOST_NAMED = 6
"""Maximum number of definitions listed in an error."""


def find(text: str, file_name: str, part: str, shown: str) -> tuple[int, int]:
    """Return the span of ``part`` in characters: whole lines, without the final line ending.

    Raises:
        SelectionNotFound: the lines or the definition do not exist, several definitions have this name, or
        the
            language has no grammar.
    """
    lines = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
    if lines:
        return _lines(text, int(lines[1]), int(lines[2] or lines[1]), shown)
    language = language_of(file_name)
    if language is None or not language.has_definitions:
        raise SelectionNotFound(
            f"{shown} has no definitions that can be selected by name.",
            f"Select lines instead: {shown}:10-40.",
        )
    return _definition(definitions(text, language), part, shown)


def outline(text: str, language: Language | None, parts: Sequence[tuple[int, int]], longest: int) -> str:
    """Return the imports and signatures around the parts as a list, in at most ``longest`` characters.

    It is a Markdown list: a small model copies an outline that looks like code instead of answering.
    """
    if language is None or not language.has_definitions or longest <= 0:
        return ""
    lines = [f"- `{' '.join(each.split())}`" for each in imports(text, language)]
    lines += [
        "  " * each.level + f"- `{_signature(text, each)}`"
        for each in definitions(text, language)
        if not any(start <= each.start and each.end <= end for start, end in parts)
    ]
    kept: list[str] = []
    room = longest
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append("- …")
            break
        kept.append(line)
    return "\n".join(kept)


def _lines(text: str, first: int, last: int, shown: str) -> tuple[int, int]:
    lines = text.split("\n")
    count = len(lines) - (1 if lines[-1] == "" else 0)
    if not 1 <= first <= last or first > count:
        has = "1 line" if count == 1 else f"{count} lines"
        raise SelectionNotFound(
            f"{shown} has {has}; lines {first}-{last} do not exist.",
            "Correct the range; line numbers start at 1.",
        )
    last = min(last, count)
    start = sum(len(line) + 1 for line in lines[: first - 1])
    return start, start + sum(len(line) + 1 for line in lines[first - 1 : last]) - 1


def _definition(found: tuple[Definition, ...], part: str, shown: str) -> tuple[int, int]:
    wanted = part.replace("::", ".").removesuffix("()").strip()
    matches: list[Definition] = []
    for name in dict.fromkeys((wanted, wanted.replace("#", "."), wanted.replace(".#", "."))):
        matches = matches or [d for d in found if d.name == name]
        matches = matches or [d for d in found if d.name.endswith(f".{name}")]
    matches = [
        d for d in matches if d.kind != "impl"
    ] or matches  # if a Rust struct and its impl match, take the struct
    if len(matches) == 1:
        return matches[0].start, matches[0].end
    if matches:
        raise SelectionNotFound(
            f"{shown} defines {wanted} {len(matches)} times.", "Select one by its lines, such as :10-40."
        )
    names = list(dict.fromkeys(each.name for each in found))
    raise SelectionNotFound(f"{shown} defines no {wanted}.", _what_it_has(names, wanted))


def _what_it_has(names: list[str], wanted: str) -> str:
    if not names:
        return "It has no definitions. Select lines, such as :10-40."
    if len(names) <= MOST_NAMED:
        return f"It has: {', '.join(names)}."
    if near := difflib.get_close_matches(wanted, names, n=3, cutoff=0.5):
        return f"Similar names: {', '.join(near)}."
    return f"It has {len(names)} definitions, such as: {', '.join(names[:MOST_NAMED])}."


def _signature(text: str, definition: Definition) -> str:
    signature = " ".join(text[definition.head : definition.body].split())
    return signature[:LONGEST_SIGNATURE].rstrip("{ :")
