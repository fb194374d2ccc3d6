"""One random loss outside of what a commit touches: a definition, a key, a decorator, a top comment."""

import random
import re
from dataclasses import dataclass
from pathlib import PurePath

from server.offload.code.languages import language_of
from server.offload.code.syntax import definitions
from server.offload.compare.hunks import hunks
from server.offload.compare.top import top_comment

_DECORATOR = re.compile(
    r"^[ \t]*(?:@[A-Za-z][\w.]*(?:\([^()\n]*\))?|#\[[^\]\n]+\]|\[[A-Z]\w*(?:\([^()\n]*\))?\])[ \t]*$"
)
_KEY = {
    ".json": re.compile(r'^[ \t]*"([^"\n]+)":[ \t]*(?:"[^"\n]*"|[\w.+-]+),[ \t]*$'),
    ".yaml": re.compile(r"^[ \t]*([\w.-]+):[ \t]+[^\s{\[|>&*#][^\n]*$"),
    ".toml": re.compile(r"^([\w.-]+)[ \t]*=[ \t]*[^\[{\n]+$"),
}
_KEY[".yml"] = _KEY[".yaml"]


@dataclass(frozen=True)
class Mutation:
    """A text with one loss. ``what`` describes it, ``words`` are those of which a notice must have one."""

    text: str
    what: str
    words: tuple[str, ...]


def mutate(before: str, after: str, path: str, chance: random.Random) -> Mutation | None:
    """Return the text after a commit with one loss where it changed nothing, None where nothing fits."""
    touched = _touched(before, after)
    choices = [
        *_definitions(after, path, touched),
        *_decorators(after, path, touched),
        *_keys(after, path, touched),
        *_tops(after, path, touched),
    ]
    kinds = sorted({each.what.split(":")[0] for each in choices})
    if not kinds:
        return None
    kind = chance.choice(kinds)
    return chance.choice([each for each in choices if each.what.startswith(f"{kind}:")])


def _touched(before: str, after: str) -> set[int]:
    """Return the lines of the text after that a commit changes, with one line around."""
    lines: set[int] = set()
    for hunk in hunks(before, after):
        lines.update(range(hunk.new_start - 1, hunk.new_start + len(hunk.new) + 1))
    return lines


def _without(text: str, first: int, last: int) -> str:
    lines = text.split("\n")
    return "\n".join(lines[: first - 1] + lines[last:])


def _definitions(text: str, path: str, touched: set[int]) -> list[Mutation]:
    language = language_of(path)
    if language is None or not language.has_definitions:
        return []
    found = []
    for each in definitions(text, language):
        first = text.count("\n", 0, each.start) + 1
        last = first + text.count("\n", each.start, each.end)
        if not touched & set(range(first, last + 1)) and each.level <= 1:
            found.append(
                Mutation(_without(text, first, last), f"definition: {each.name}", (each.last, "left out"))
            )
    return found


def _decorators(text: str, path: str, touched: set[int]) -> list[Mutation]:
    if language_of(path) is None:
        return []
    return [
        Mutation(_without(text, number, number), f"decorator: {line.strip()}", (line.strip()[:20],))
        for number, line in enumerate(text.split("\n"), start=1)
        if number not in touched and _DECORATOR.match(line)
    ]


def _keys(text: str, path: str, touched: set[int]) -> list[Mutation]:
    pattern = _KEY.get(PurePath(path).suffix.lower())
    if pattern is None:
        return []
    return [
        Mutation(_without(text, number, number), f"key: {match[1]}", (match[1],))
        for number, line in enumerate(text.split("\n"), start=1)
        if number not in touched and (match := pattern.match(line))
    ]


def _tops(text: str, path: str, touched: set[int]) -> list[Mutation]:
    top = top_comment(text, PurePath(path).suffix.lower())
    if not top.lines or touched & set(range(1, top.end + 1)):
        return []
    return [Mutation(_without(text, 1, top.end), "top comment: lost", ("top comment",))]
