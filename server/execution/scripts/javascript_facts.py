"""Facts about JavaScript code, and calls that reveal its behaviour."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from server.execution.inputs import varied
from server.execution.python.examples import call_spans
from server.execution.python.facts import Fact, FactError, Operator
from server.execution.scripts.javascript_text import (
    FUNCTIONS,
    calls,
    calls_below,
    defined,
    text_of,
    tree_of,
    walk,
)

_OPERATORS: dict[str, Operator] = {
    "==": "==",
    "===": "==",
    "!=": "!=",
    "!==": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
_ARROWS = ("===", "==", "->", "=>", "→", "⇒")
_LONGEST, _MOST, _MOST_EXAMPLES, _MOST_GENERATED = 1_000, 24, 20, 40
_ANY = ("3", "'a b'", "[3, 1, 2]", "{a: 1, b: 2}", "0", "''", "[]", "-1.5", "null", "['b', 'a', '']")


@dataclass(frozen=True)
class ScriptFact(Fact):
    """A fact about JavaScript code; ``left`` and ``right`` are JavaScript expressions."""

    @property
    def names(self) -> frozenset[str]:
        """The names in the expression evaluated in the module."""
        return frozenset(text_of(node) for node in walk(_expression(self.left)) if node.type == "identifier")


def parse_fact(text: str) -> ScriptFact:
    """Parse a fact: a call with a comparison, or ``raises TypeError: f(-1)``.

    Raises:
        FactError: the text is not a valid fact.
    """
    text = text.strip().removesuffix(";")
    if len(text) > _LONGEST:
        raise FactError(f"A fact has at most {_LONGEST} characters.")
    head, colon, rest = text.partition(":")
    words = head.split()
    if colon and len(words) == 2 and words[0] in ("raises", "throws") and words[1].isidentifier():
        return _with_name(ScriptFact(text, text_of(_expression(rest.strip())), "raises", words[1]))
    tree = _expression(text)
    if tree.type == "unary_expression" and text_of(tree).startswith("!"):
        return _with_name(ScriptFact(text, text_of(tree.child_by_field_name("argument")), "false"))
    operator = _OPERATORS.get(text_of(tree.child_by_field_name("operator")))
    if tree.type != "binary_expression" or operator is None:
        return _with_name(ScriptFact(text, text_of(tree), "true"))
    left, right = (text_of(tree.child_by_field_name(side)) for side in ("left", "right"))
    return _with_name(ScriptFact(text, left, operator, right))


def find_examples(text: str, names: Collection[str]) -> list[Fact]:
    """Return the facts in the text about calls to ``names``: a call, ``==`` or an arrow, then a literal."""
    found: dict[str, Fact] = {}
    for start, end in call_spans(text, names):
        rest = text[end:].partition("\n")[0].lstrip(" `")
        arrow = next((each for each in _ARROWS if rest.startswith(each)), None)
        if arrow is None or not _is_expression(text[start:end]):
            continue
        if (value := _longest_literal(rest.removeprefix(arrow).lstrip(" `"))) is not None:
            found.setdefault(text[start:end], parse_fact(f"{text[start:end]} === {value}"))
    return list(found.values())[:_MOST_EXAMPLES]


def probe_calls(text: str, names: Collection[str], proposed: Collection[str]) -> list[str]:
    """Return calls to try: proposed ones, those in the text, then variations of their literal arguments."""
    seeds: dict[str, None] = {}
    for each in (*proposed, *(text[start:end] for start, end in call_spans(text, names))):
        if (call := _tried(each, names)) is not None:
            seeds.setdefault(call)
    found = dict(seeds)
    rows = [list(_variations(seed)) for seed in seeds]
    for number in range(max(map(len, rows), default=0)):
        for row in rows:
            if number < len(row):
                found.setdefault(row[number])
    return list(found)[:_MOST]


def generated_calls(source: str, names: Collection[str], *, typescript: bool) -> list[str]:
    """Return calls with generated arguments: each argument takes its first value, then its second, and so
    on.
    """
    found: list[str] = []
    for name, node in defined(source, typescript=typescript):
        function = node if node.type in FUNCTIONS else node.child_by_field_name("value")
        given = function.child_by_field_name("parameters") if function is not None else None
        if name not in names or given is None:
            continue
        count = len([each for each in given.named_children if each.type != "comment"])
        for row in range(len(_ANY) if count else 1):
            words = [_ANY[(row + place) % len(_ANY)] for place in range(count)]
            found.append(f"{name}({', '.join(words)})")
    return found[:_MOST_GENERATED]


def call_parts(text: str) -> dict[str, object] | None:
    """Return the function and arguments of a plain call; None for any other expression."""
    try:
        tree = _expression(text)
    except FactError:
        return None
    called, given = tree.child_by_field_name("function"), tree.child_by_field_name("arguments")
    if tree.type != "call_expression" or called is None or called.type != "identifier" or given is None:
        return None
    if given.type != "arguments" or any(each.type == "spread_element" for each in given.named_children):
        return None
    arguments = [text_of(each) for each in given.named_children if each.type != "comment"]
    return {"called": text_of(called), "arguments": arguments}


def literal_of(text: str) -> tuple[bool, object]:
    """Return whether an expression is a literal and, if so, its value."""
    try:
        return _literal(_expression(text))
    except FactError:
        return False, None


def _tried(text: str, names: Collection[str]) -> str | None:
    """Return the part of an expression that calls one of ``names``, without any ``console.log`` around it."""
    try:
        tree = _expression(text.strip().removesuffix(";"))
    except FactError:
        return None
    if tree.type == "binary_expression" and text_of(tree.child_by_field_name("operator")) in _OPERATORS:
        tree = tree.child_by_field_name("left") or tree
    found = [each for each in walk(tree) if calls(each, names)]
    if not found:
        return None
    function = tree.child_by_field_name("function")
    foreign = tree.type == "call_expression" and function is not None and not calls_below(function, names)
    return text_of(found[0]) if foreign and not calls(tree, names) else text_of(tree)


def _variations(call: str) -> Iterator[str]:
    """Yield the call with one literal argument varied at a time."""
    parts = call_parts(call)
    if parts is None:
        return
    arguments = parts["arguments"]
    assert isinstance(arguments, list)
    for place, argument in enumerate(arguments):
        known, value = _literal(_expression(argument))
        for other in varied(value) if known else ():
            given = [*arguments[:place], json.dumps(other, ensure_ascii=False), *arguments[place + 1 :]]
            yield f"{parts['called']}({', '.join(given)})"


def _literal(node: Node) -> tuple[bool, object]:  # noqa: PLR0911 - one return a kind of node
    """Return whether a node is a literal and, if so, its value."""
    text = text_of(node)
    if node.type in ("true", "false", "null", "number"):
        try:
            return True, json.loads(text)
        except ValueError:
            return False, None
    if node.type == "unary_expression" and text.startswith("-"):
        known, value = _literal(node.named_children[0])
        return (True, -value) if known and isinstance(value, int | float) else (False, None)
    if node.type == "string":
        inner = text[1:-1]
        return ("\\" not in inner, inner)
    if node.type == "array":
        items = [_literal(each) for each in node.named_children]
        return all(known for known, _ in items), [value for _, value in items]
    if node.type == "object":
        return _literal_object(node)
    return False, None


def _literal_object(node: Node) -> tuple[bool, object]:
    found: dict[str, object] = {}
    for each in node.named_children:
        key, value = each.child_by_field_name("key"), each.child_by_field_name("value")
        if each.type != "pair" or key is None or value is None or key.type.startswith("computed"):
            return False, None
        known, found[text_of(key).strip("'\"")] = _literal(value)
        if not known:
            return False, None
    return True, found


def _longest_literal(text: str) -> str | None:
    """Return the longest prefix of the text that is a literal."""
    for end in range(min(len(text), _LONGEST // 2), 0, -1):
        candidate, following = text[:end].strip(), text[end : end + 1]
        if (following.isalnum() or following == "_") and candidate[-1:].isalnum():
            continue
        if candidate == "undefined" or (candidate[-1:] not in ("", ",", ";") and literal_of(candidate)[0]):
            return candidate
    return None


def _with_name(fact: ScriptFact) -> ScriptFact:
    if not fact.names:
        raise FactError(f"`{fact.text[:80]}` does not name anything in the code.")
    return fact


def _is_expression(text: str) -> bool:
    try:
        _expression(text)
    except FactError:
        return False
    return True


def _expression(text: str) -> Node:
    """Return the syntax tree of an expression.

    Raises:
        FactError: the text is not an expression.
    """
    inner = tree_of(f"({text}\n)", typescript=False)
    statement = inner.named_children[0] if inner.named_child_count == 1 else None
    if statement is not None and not inner.has_error and statement.type == "expression_statement":
        around = statement.named_children[0]
        found = [each for each in around.named_children if each.type != "comment"]
        if around.type == "parenthesized_expression" and len(found) == 1:
            return found[0]
    raise FactError(f"`{text[:80]}` is not a JavaScript expression.")
