"""One random loss outside of what a commit touches: a definition, a key, a decorator, a top comment."""

import random
import re
from dataclasses import dataclass
from pathlib import PurePath

from server.offload.code.languages import language_of
from server.offload.code.syntax import definitions
from server.offload.compare.hunks import hunks
from server.offload.compare.top import top_comment
from server.offload.compare.units import attribute_lines

DECORATOR = re.compile(
    r"^[ \t]*(?:@[A-Za-z][\w.]*(?:\([^()\n]*\))?|#\[[^\]\n]+\]|\[[A-Z]\w*(?:\([^()\n]*\))?\])[ \t]*$"
)
KEY = {
    ".json": re.compile(r'^[ \t]*"([^"\n]+)":[ \t]*(?:"[^"\n]*"|[\w.+-]+),[ \t]*$'),
    ".yaml": re.compile(r"^[ \t]*([\w.-]+):[ \t]+[^\s{\[|>&*#][^\n]*$"),
    ".toml": re.compile(r"^([\w.-]+)[ \t]*=[ \t]*[^\[{\n]+$"),
}
KEY[".yml"] = KEY[".yaml"]


@dataclass(frozen=True)
class Mutation:
    """A text with one loss. ``what`` describes it, ``words`` are those of which a notice must have one."""

    text: str
    what: str
    words: tuple[str, ...]


def mutate(before: str, after: str, path: str, chance: random.Random) -> Mutation | None:
    """Return the text after a commit with one loss where it changed nothing, None where nothing fits."""
    touched = touched_lines(before, after)
    choices = [
        *_definitions(after, path, touched),
        *_decorators(after, path, touched),
        *_keys(after, path, touched),
        *_tops(after, path, touched),
    ]
    return chosen(choices, chance)


def chosen(choices: list[Mutation], chance: random.Random) -> Mutation | None:
    """Return one of the choices, each kind with the same chance; None if there are none."""
    kinds = sorted({each.what.split(":")[0] for each in choices})
    if not kinds:
        return None
    kind = chance.choice(kinds)
    return chance.choice([each for each in choices if each.what.startswith(f"{kind}:")])


def touched_lines(before: str, after: str) -> set[int]:
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
    return [
        Mutation(_without(text, number, number), f"decorator: {line.strip()}", decorated(text, path, number))
        for number, line in decorators(text, path)
        if number not in touched
    ]


def decorators(text: str, path: str) -> list[tuple[int, str]]:
    """Return the lines with a decorator alone, by the grammar of the file."""
    language = language_of(path)
    if language is None or not language.has_definitions:
        return []
    alone = attribute_lines(text, language)
    lines = enumerate(text.split("\n"), start=1)
    return [(number, line) for number, line in lines if number in alone and DECORATOR.match(line)]


def decorated(text: str, path: str, number: int) -> tuple[str, ...]:
    """Return the words that name a decorator: its own text, or the definition around the line."""
    line = text.split("\n")[number - 1].strip()
    own = (line[:20].split("(")[0],)
    language = language_of(path)
    if language is None:
        return own
    at = sum(len(each) + 1 for each in text.split("\n")[: number - 1]) + 1
    around = [each for each in definitions(text, language) if each.body < at < each.end]
    return (*own, around[-1].last) if around and around[-1].kind in ("function", "method") else own


def _keys(text: str, path: str, touched: set[int]) -> list[Mutation]:
    pattern = KEY.get(PurePath(path).suffix.lower())
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
