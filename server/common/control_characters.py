"""Escapes control characters in text from models, files and clients.

A terminal interprets such characters instead of displaying them, and a line feed can forge a line in a log or
table.
"""

import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal interprets instead of displaying, or displays somewhere else."""
_IN_LINES = re.compile(rf"(?![\n\t]|\r\n){CONTROL.pattern}")


def shown(text: str) -> str:
    """Return the text with control characters escaped (``\\x1b``). Tabs and line endings are kept."""
    return _IN_LINES.sub(_escaped, text)


def in_line(text: str) -> str:
    """Return the text as a single line, with line endings escaped."""
    return CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
