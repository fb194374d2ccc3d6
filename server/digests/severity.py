"""Marks of lines that report an error or warning, in any kind of output."""

import re

SEVERE = (
    r"(?i)\b(?:errors?|err|fatal|critical|crit|panic(?:ked)?|exceptions?|traceback|failed|failures?|fails?|"
    r"segfault|"
    r"segmentation fault|denied|refused|corrupt\w*|abort\w*|oom|out of memory|emerg|alert|killed|"
    r"undefined reference|"
    r"cannot|could not|couldn't|unable to|not found|no such|timed out|unexpected|invalid|missing|mismatch|"
    r"unresolved|"
    r"conflict\w*|unreachable|exceeded)\b|[a-z](?:Error|Exception)\b"
)
"""An RE2 pattern for the marks of lines a reader would look for."""
WARNED = r"(?i)\b(?:warn|warnings?|deprecat\w*)\b|[a-z]Warning\b"
"""An RE2 pattern for the marks of a warning."""

_STRONG = re.compile(
    r"\b(?:error|fatal|critical|crit|panic|panicked|exception|traceback|failed|failure|fail|segfault|"
    r"segmentation fault|"
    r"out of memory|oom|emerg|alert|killed)\b|[a-z](?:Error|Exception)\b",
    re.IGNORECASE,
)
_FATAL = re.compile(
    r"\b(?:fatal|panic|critical|emerg|killed|out of memory|segfault|segmentation fault)\b", re.IGNORECASE
)
_HARMLESS = re.compile(
    r"\b(?:0|no|zero|without(?: any)?) (?:new )?(?:errors?|failures?|failed|fails?|exceptions?|conflicts?)\b"
    r"|\b(?:errors?|failures?|failed|fail|missing|invalid|conflicts?)(?: count)?\s?[:=]\s?0\b|\b0 (?:missing|"
    r"invalid)\b",
    re.IGNORECASE,
)
_LEVEL = re.compile(
    r"(?:^|[\s\[|\"'=(<])(?P<level>TRACE|DEBUG|INFO|NOTICE|VERBOSE|trace|debug|info|notice|Information|"
    r"Debug)(?=[\s\]|:\"',)>-]|$)"
)
_MARKS = re.compile(SEVERE.removeprefix("(?i)"), re.IGNORECASE)


def is_harmless(text: str) -> bool:
    """Return whether a line only says that there was no error, or has an informational log level."""
    if _LEVEL.search(text[:80]):
        return True
    return _HARMLESS.search(text) is not None and _MARKS.search(_HARMLESS.sub(" ", text)) is None


def is_mark(text: str) -> bool:
    """Return whether the text reports an error."""
    return _MARKS.search(text) is not None and not is_harmless(text)


def rank(text: str) -> int:
    """Return the rank of a severe line: 3 ends a program, 2 names an error, 1 is a possible error."""
    if _FATAL.search(text):
        return 3
    return 2 if _STRONG.search(text) else 1
