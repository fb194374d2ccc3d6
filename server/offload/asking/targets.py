"""Finds the parts of a file that an edit is about, if the task names them as code.

A small model edits a single function much better and faster than a file of hundreds of lines.
"""

import re

from server.offload.code.languages import Language
from server.offload.code.mentions import Mentions
from server.offload.code.syntax import Definition, definitions
from server.offload.compare.loose import constant_names

MOST_PARTS = 6


def parts_named(task: str, text: str, language: Language | None) -> tuple[tuple[int, int], ...]:
    """Return the spans of the definitions or the single constant named by the task, or else an empty tuple.

    The result is also empty if a named definition is used elsewhere in the file, because the task may be
    about those uses.
    """
    if language is None or not language.has_definitions:
        return ()
    mentions = Mentions(task)
    found = definitions(text, language)
    named = [each for each in found if _is_named(mentions, each)]
    if not named:
        named = [each for each in found if mentions.has_unqualified(each.last)]
    inner = [each for each in named if not any(_inside(other, each) for other in named)]
    if inner:
        alone = len(inner) <= MOST_PARTS and not any(_is_used(text, each, inner) for each in inner)
        return tuple((each.start, each.end) for each in inner) if alone else ()
    return _assignment(mentions, text, language)


def _is_named(mentions: Mentions, definition: Definition) -> bool:
    """Return whether the task names the definition as code: in backticks, with parentheses, or
    unmistakably.
    """
    dotted = "." in definition.name and mentions.has_unqualified(definition.name)
    return dotted or mentions.has_as_code(definition.last)


def _is_used(text: str, definition: Definition, parts: list[Definition]) -> bool:
    """Return whether the name of a definition occurs outside the parts."""
    pattern = re.compile(rf"(?<!\w){re.escape(definition.last)}(?!\w)")
    return any(
        not any(part.start <= found.start() < part.end for part in parts) for found in pattern.finditer(text)
    )


def _assignment(mentions: Mentions, text: str, language: Language) -> tuple[tuple[int, int], ...]:
    """Return the only line that sets the single constant named by the task."""
    lines = text.split("\n")
    for name, (number, _) in constant_names(text, language).items():
        line = lines[number - 1]
        alone = text.count(name) == 1 and "=" in line.partition(name)[2] and _is_whole(line)
        if alone and _is_constant(name) and mentions.has(name):
            start = sum(len(each) + 1 for each in lines[: number - 1])
            return ((start, start + len(line)),)
    return ()


def _is_constant(name: str) -> bool:
    """Return whether a name looks like a constant or a setting: ``LIMIT``, ``read_timeout``."""
    return (name.isupper() and len(name) > 2) or (name.islower() and "_" in name.strip("_"))


def _is_whole(line: str) -> bool:
    """Return whether a statement ends on the line it starts on, judging by brackets."""
    return all(line.count(a) == line.count(b) for a, b in ("()", "[]", "{}")) and not line.endswith("\\")


def _inside(inner: Definition, outer: Definition) -> bool:
    return inner is not outer and outer.start <= inner.start and inner.end <= outer.end
