"""Facts found in a task's text: calls to the code's own functions, with the results that the text states.

Only text that parses is used: a call to a name defined by the code, then ``==``, ``->``, ``→`` or ``=>``,
then a literal; or a doctest. Prose is not interpreted.
"""

import ast
from collections.abc import Collection, Iterator

from server.execution.python.facts import Fact, FactError, parse_fact

_ARROWS = ("==", "->", "=>", "→", "⇒")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "'\""
_LONGEST_CALL = 500
_MOST = 20


def find_examples(text: str, names: Collection[str]) -> list[Fact]:
    """Return the facts that the text states about calls to ``names``, without duplicates.

    Statements about other names are skipped, as are those whose result is not a literal.
    """
    found: dict[str, Fact] = {}
    for fact in (*_from_doctests(text), *_from_calls(text, names)):
        if fact.names & set(names):
            found.setdefault(f"{fact.left} {fact.operator} {fact.right}", fact)
    return list(found.values())[:_MOST]


def find_calls(text: str, names: Collection[str]) -> list[str]:
    """Return the calls to ``names`` in the text that parse, with or without a result."""
    return [text[start:end] for start, end in call_spans(text, names) if _is_expression(text[start:end])]


def _from_doctests(text: str) -> Iterator[Fact]:
    if ">>>" not in text:
        return
    import doctest  # noqa: PLC0415 - also imports unittest, which most tasks do not need

    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return
    for example in examples:
        source, want = example.source.strip(), example.want.strip()
        if example.exc_msg is not None:
            kind = example.exc_msg.partition(":")[0].strip().rpartition(".")[2]
            yield from _parsed(f"raises {kind}: {source}")
        elif want and _is_expression(source) and _is_value(want):
            yield from _parsed(f"{source} == {want}")


def _from_calls(text: str, names: Collection[str]) -> Iterator[Fact]:
    for start, end in call_spans(text, names):
        yield from _with_result(text[start:end], text[end:].partition("\n")[0])


def call_spans(text: str, names: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of calls to ``names`` in the text, up to their closing brackets."""
    for name in sorted(names):
        start = text.find(f"{name}(")
        while start >= 0:
            before = text[start - 1] if start else " "
            end = _end_of_call(text, start + len(name))
            if not (before.isalnum() or before in "_.") and end is not None:
                yield start, end
            start = text.find(f"{name}(", start + 1)


def _with_result(call: str, rest: str) -> Iterator[Fact]:
    rest = rest.lstrip(" `")
    for arrow in _ARROWS:
        if rest.startswith(arrow) and _is_expression(call):
            value = _longest_value(rest.removeprefix(arrow).lstrip(" `"))
            if value is not None:
                yield from _parsed(f"{call} == {value}")
            return


def _end_of_call(text: str, opening: int) -> int | None:
    """Return the position just after the bracket that closes the one at ``opening``."""
    expected: list[str] = []
    quote = ""
    place = opening
    while place < min(len(text), opening + _LONGEST_CALL):
        character = text[place]
        if quote:
            if character == "\\":
                place += 1
            elif character == quote:
                quote = ""
        elif character in _QUOTES:
            quote = character
        elif character in _CLOSING:
            expected.append(_CLOSING[character])
        elif character in _CLOSING.values():
            if not expected or expected.pop() != character:
                return None
            if not expected:
                return place + 1
        place += 1
    return None


def _longest_value(text: str) -> str | None:
    """Return the longest prefix of the text that is a literal.

    It may include a full stop: ``3.`` at the end of a sentence reads as 3.0, which equals 3.
    """
    for end in range(min(len(text), _LONGEST_CALL), 0, -1):
        candidate = text[:end].strip()
        following = text[end : end + 1]
        if (following.isalnum() or following == "_") and candidate[-1:].isalnum():
            continue
        if candidate and candidate[-1] != "," and _is_value(candidate):
            return candidate
    return None


def _is_value(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _parsed(text: str) -> Iterator[Fact]:
    try:
        yield parse_fact(text)
    except FactError:
        return
