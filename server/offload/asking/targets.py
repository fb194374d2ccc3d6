"""Finds the parts of a file that an edit is about, if the task names them as code.

A small model edits one function much better, and faster, than a file of hundreds of lines.
"""

import re

from server.offload.code.languages import Language
from server.offload.code.syntax import Definition, definitions

MOST_PARTS = 6
_LETTER = r"[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""A word character in a script that separates words by spaces, unlike Japanese and Chinese."""
_CONSTANT = re.compile(rf"(?<!{_LETTER})(?:[A-Z][A-Z0-9_]{{2,}}|[a-z]+(?:_[a-z0-9]+)+)(?!{_LETTER})")


def parts_named(task: str, text: str, language: Language | None) -> tuple[tuple[int, int], ...]:
    """Return the spans of the definitions, or of the one constant, that the task names; otherwise an empty
    tuple.

    The result is also empty if a named definition is used elsewhere in the file, because the task may be
    about these uses.
    """
    if language is None or not language.has_definitions:
        return ()
    found = definitions(text, language)
    named = [each for each in found if is_named(task, each)]
    if not named:
        named = [each for each in found if names_word(task, each.last)]
    inner = [each for each in named if not any(_inside(other, each) for other in named)]
    if inner:
        alone = len(inner) <= MOST_PARTS and not any(_is_used(text, each, inner) for each in inner)
        return tuple((each.start, each.end) for each in inner) if alone else ()
    return _assignment(task, text)


def is_named(task: str, definition: Definition) -> bool:
    """Return whether the task names the definition as code: in backticks, with parentheses, or
    unmistakably.
    """
    dotted = "." in definition.name and names_word(task, definition.name)
    return dotted or names_as_code(task, definition.last)


def names_as_code(task: str, name: str) -> bool:
    """Return whether the name occurs in the task in backticks, with parentheses, or in a form that no natural
    word has.
    """
    word = re.escape(name)
    as_code = rf"`(?:[\w.]+\.)?{word}(?:\(\))?`|(?<!{_LETTER})(?<!\.){word}\("
    if re.search(r"[a-z][A-Z0-9]|[^\W_][_\-./@][^\W_]", name):
        as_code += rf"|(?<!{_LETTER})(?<!\.){word}(?!{_LETTER})"
    return re.search(as_code, task) is not None


def names_word(task: str, name: str) -> bool:
    """Whether the task has the name as a word of its own."""
    return re.search(rf"(?<!{_LETTER})(?<!\.){re.escape(name)}(?!{_LETTER})", task) is not None


def _is_used(text: str, definition: Definition, parts: list[Definition]) -> bool:
    """Return whether the name of a definition occurs outside the parts."""
    pattern = re.compile(rf"(?<!\w){re.escape(definition.last)}(?!\w)")
    return any(
        not any(part.start <= found.start() < part.end for part in parts) for found in pattern.finditer(text)
    )


def _assignment(task: str, text: str) -> tuple[tuple[int, int], ...]:
    """Return the only line that sets the constant named by the task."""
    for name in dict.fromkeys(_CONSTANT.findall(task)):
        lines = re.compile(rf"^[^\n#/\"'(]*\b{name}\b[^\n=(]*=(?!=)[^\n]*$", re.MULTILINE)
        found = list(lines.finditer(text))
        if len(found) == 1 and text.count(name) == 1 and _is_whole(found[0].group(0)):
            return (found[0].span(),)
    return ()


def _is_whole(line: str) -> bool:
    """Return whether a statement ends on its line, judging by brackets."""
    return all(line.count(a) == line.count(b) for a, b in ("()", "[]", "{}")) and not line.endswith("\\")


def _inside(inner: Definition, outer: Definition) -> bool:
    return inner is not outer and outer.start <= inner.start and inner.end <= outer.end
