"""One random alteration where a commit changes nothing: of a definition, a key, a decorator, a comment."""

import random
import re
from pathlib import PurePath

from server.offload.code.languages import language_of
from server.offload.code.syntax import definitions
from server.offload.compare.top import top_comment
from tests.bench.support.mutations import KEY, Mutation, chosen, decorated, decorators, touched_lines

_SWAPS = (
    (re.compile(r"(?<![\w.\"'])(\d+)(?![\w.\"'])"), lambda found: str(int(found[1]) + 1)),
    (re.compile(r" == "), lambda _: " != "),
    (re.compile(r" != "), lambda _: " == "),
    (re.compile(r" && "), lambda _: " || "),
    (re.compile(r" \+ "), lambda _: " - "),
    (re.compile(r" < "), lambda _: " <= "),
    (re.compile(r"\b(t)rue\b"), lambda _: "false"),
    (re.compile(r"\bTrue\b"), lambda _: "False"),
    (re.compile(r"\bif not "), lambda _: "if "),
    (re.compile(r" and "), lambda _: " or "),
)


def alter(before: str, after: str, path: str, chance: random.Random) -> Mutation | None:
    """Return the text after a commit with one alteration where it changed nothing, None where nothing
    fits."""
    touched = touched_lines(before, after)
    choices = [
        *_bodies(after, path, touched),
        *_decorators(after, path, touched),
        *_keys(after, path, touched),
        *_tops(after, path, touched),
    ]
    return chosen(choices, chance)


def _bodies(text: str, path: str, touched: set[int]) -> list[Mutation]:
    """Return alterations of functions: a changed operator or number, or a line that is gone."""
    language = language_of(path)
    if language is None or not language.has_definitions:
        return []
    lines = text.split("\n")
    found: list[Mutation] = []
    for each in definitions(text, language):
        first = text.count("\n", 0, each.body) + 1
        last = text.count("\n", 0, each.end) + 1
        own = text.count("\n", 0, each.start) + 1
        if touched & set(range(own, last + 1)) or each.kind not in ("function", "method") or last - first < 2:
            continue
        for number in range(first + 1, last):
            line = lines[number - 1]
            if line.strip().startswith(("#", "//", "*", "/*", '"', "'", "@", "--")):
                continue
            for pattern, swap in _SWAPS:
                fresh = pattern.sub(swap, line, count=1)
                if fresh != line:
                    changed = "\n".join((*lines[: number - 1], fresh, *lines[number:]))
                    found.append(Mutation(changed, f"definition: {each.name}: {line.strip()}", (each.last,)))
                    break
    return found


def _decorators(text: str, path: str, touched: set[int]) -> list[Mutation]:
    lines = text.split("\n")
    return [
        Mutation(
            "\n".join((*lines[: number - 1], line.replace("(", "(0, ", 1), *lines[number:])),
            f"decorator: {line.strip()}",
            decorated(text, path, number),
        )
        for number, line in decorators(text, path)
        if number not in touched and "(" in line
    ]


def _keys(text: str, path: str, touched: set[int]) -> list[Mutation]:
    """Return keys with another name, and numbers that became a text."""
    pattern = KEY.get(PurePath(path).suffix.lower())
    if pattern is None:
        return []
    lines = text.split("\n")
    found: list[Mutation] = []
    for number, line in enumerate(lines, start=1):
        if number not in touched and (match := pattern.match(line)):
            at = match.end(1)
            fresh = line[:at] + "_new" + line[at:]
            found.append(
                Mutation(
                    "\n".join((*lines[: number - 1], fresh, *lines[number:])), f"key: {match[1]}", (match[1],)
                )
            )
    return found


def _tops(text: str, path: str, touched: set[int]) -> list[Mutation]:
    top = top_comment(text, PurePath(path).suffix.lower())
    words = [word for line in top.lines for word in line.split() if word.isalpha() and len(word) > 3]
    if not words or touched & set(range(1, top.end + 1)):
        return []
    return [Mutation(text.replace(words[-1], "Other", 1), "top comment: altered", ("top comment",))]
