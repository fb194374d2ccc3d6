"""Regular expressions in policies, matched in linear time so that a pattern cannot stall a call.

Intercept also uses RE2, so its patterns keep their meaning.
"""

import functools
from typing import Any

import re2

MOST_PATTERN = 500
"""Maximum length of a pattern (characters)."""
MOST_MEMORY = 1 << 20
"""Memory limit for a compiled pattern (bytes)."""
MOST_SUBJECT = 1_000_000
"""Maximum length of text to match (characters). Longer text never matches."""


def check_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern; None if it is valid."""
    if len(pattern) > MOST_PATTERN:
        return f"takes a pattern of at most {MOST_PATTERN} characters"
    try:
        _compiled(pattern)
    except re2.error as error:
        words = error.args[0]
        reason = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return f"has a pattern that is not a regular expression: {reason}"
    except UnicodeEncodeError:
        return "has a pattern that is not valid Unicode"
    return None


def search(pattern: str, text: str) -> bool:
    """Return whether a pattern that passed ``check_pattern`` matches anywhere in the text."""
    if len(text) > MOST_SUBJECT:
        return False
    # Strings from JSON can contain lone surrogates, which patterns cannot name.
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return _compiled(pattern).search(readable) is not None


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)
