"""Compares a value reported by the sandbox with the value a fact expects.

Values are compared structurally, never by code from the module under test: even if a class's ``__eq__``
always returns true, an instance equals only an instance of the same class with the same parts.
"""

import ast
import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from server.execution.python.facts import Fact
from server.execution.sandbox.evaluator import encode

_REL_TOLERANCE = 1e-9
"""Relative tolerance for floats: in handwritten facts, 0.1 + 0.2 equals 0.3."""
_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class NotComparable(ValueError):
    """The values cannot be compared outside the sandbox. The message says why."""


@dataclass(frozen=True)
class Opaque:
    """The structure of a value whose class exists only in the sandbox."""

    form: str

    def __repr__(self) -> str:
        """Return the class name and the parts, shortened."""
        kind, name, *parts = json.loads(self.form)
        return f"<{kind} {name} {' '.join(str(part) for part in parts)}>"[:200]


def encode_literal(expression: str) -> Any:
    """Return the encoded value of a literal.

    Raises:
        ValueError: the expression is not a literal.
    """
    try:
        return encode(ast.literal_eval(expression))
    except (TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(str(error)) from None


def holds(fact: Fact, actual: Any, expected: Any) -> bool:
    """Return whether a fact holds for two encoded values.

    Raises:
        NotComparable: the values are too large, have no ordering, or were not written by an encoder.
    """
    left = decode(actual)
    if fact.operator in ("true", "false"):
        return _truth(left) is (fact.operator == "true")
    right = decode(expected)
    if fact.operator in ("==", "!="):
        return same(left, right) is (fact.operator == "==")
    if fact.operator in ("is", "is not"):
        identical = type(left) is type(right) and same(left, right)
        return identical is (fact.operator == "is")
    try:
        if fact.operator in ("in", "not in"):
            return (left in right) is (fact.operator == "in")
        if fact.operator in ("contains", "lacks"):
            return (right in left) is (fact.operator == "contains")
        return bool(_ORDERINGS[fact.operator](left, right))
    except TypeError as error:
        raise NotComparable(str(error)) from None


def decode(encoded: Any) -> Any:
    """Decode a value. Instances of classes that exist only in the sandbox become ``Opaque``.

    Raises:
        NotComparable: the encoded form was not written by an encoder, or the value was too large.
    """
    try:
        return _decode(encoded)
    except (TypeError, ValueError, IndexError, KeyError, RecursionError, OverflowError) as error:
        raise NotComparable(f"its value cannot be read: {error}"[:200]) from None


def same(left: Any, right: Any) -> bool:
    """Return whether two decoded values are equal: floats approximately, NaN to NaN, all else exactly."""
    if isinstance(left, float | int | complex) and isinstance(right, float | int | complex):
        return _same_number(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and type(left) is type(right):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    return type(left) is type(right) and bool(left == right)


def _same_number(left: complex, right: complex) -> bool:
    if left == right:
        return True
    if isinstance(left, float) or isinstance(right, float):
        if isinstance(left, complex) or isinstance(right, complex):
            return False
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return math.isclose(left, right, rel_tol=_REL_TOLERANCE, abs_tol=_REL_TOLERANCE)
    return False


def _decode(encoded: Any) -> Any:  # noqa: PLR0911 - one return a kind of value
    if encoded is None or isinstance(encoded, bool | str):
        return encoded
    if isinstance(encoded, Mapping) or not encoded:
        raise NotComparable("its value cannot be read")
    kind = encoded[0]
    if kind == "int":
        return int(encoded[1], 16)
    if kind == "float":
        return float(encoded[1])
    if kind == "complex":
        return complex(encoded[1])
    if kind == "bytes":
        return bytes.fromhex(encoded[1])
    if kind in ("list", "tuple"):
        items = [_decode(each) for each in encoded[1]]
        return items if kind == "list" else tuple(items)
    if kind == "set":
        return frozenset(_decode(each) for each in encoded[1])
    if kind == "dict":
        return {_decode(key): _decode(value) for key, value in encoded[1]}
    if kind == "large":
        raise NotComparable("its value is too large to compare")
    if kind in ("enum", "object", "name") and isinstance(encoded[1], str):
        return Opaque(json.dumps(encoded))
    raise NotComparable("its value cannot be read")


def _truth(value: Any) -> bool:
    if isinstance(value, Opaque):
        raise NotComparable("only the object's own code can say whether it is true; compare a value")
    return bool(value)
