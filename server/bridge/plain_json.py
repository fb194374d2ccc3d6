"""JSON parsing: ``json.loads`` without what the ``json`` module imports. Standard library only.

``json`` imports ``re`` and ``enum``, which takes several milliseconds, longer than a hook's other imports.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in the other modules that hooks import: `typing` takes milliseconds, too
if TYPE_CHECKING:
    from typing import Any

make_scanner: Any
try:
    from _json import make_scanner
except ImportError:
    make_scanner = None  # not CPython

_BLANKS = " \t\n\r"


def loads(text: str | bytes) -> Any:
    """Parse a JSON text and return its value.

    Raises:
        ValueError: the text is not JSON, or the bytes are not UTF-8.
        RecursionError: the text is nested too deeply.
    """
    decoded = text.decode() if isinstance(text, bytes) else text
    if make_scanner is None:
        import json  # noqa: PLC0415

        return json.loads(decoded)
    stripped = decoded.strip(_BLANKS)
    try:
        value, end = make_scanner(_Settings())(stripped, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(stripped):
        raise ValueError("more than one JSON value")
    return value


class _Settings:
    """The attributes of a ``json.JSONDecoder`` that the scanner reads."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
