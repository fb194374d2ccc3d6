"""Losses: cases where Claude came back for the text that a digest had replaced."""

import hashlib
import re
from collections.abc import Iterable

from server.store.result_digests import ResultDigest
from server.tool_results.result import ToolResult

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_HANDLE = re.compile(r"kept:([0-9a-f]{16})")
WHOLE_SHARE = 0.5
"""Minimum share of kept text that is treated as all of it."""


def source_key(result: ToolResult) -> str:
    """Return a hash of the command or path."""
    telling = {name: str(value) for name, value in result.arguments.items() if name != "description"}
    return _hash(result.tool, repr(sorted(telling.items())))


def facts_key(digest: str) -> str:
    """Return a hash of a digest's words, without times and counts, which vary between identical runs."""
    return _hash(_NUMBER.sub("0", digest))


def find_reopened(result: ToolResult, earlier: Iterable[ResultDigest]) -> tuple[ResultDigest, str] | None:
    """Return the digest whose full text this result holds, and how Claude got it; otherwise None."""
    handles = set(_HANDLE.findall(result.command) + _HANDLE.findall(str(result.arguments.get("files", ""))))
    path = str(result.path) if result.path is not None else ""
    key = source_key(result)
    for each in earlier:
        is_whole = len(result.text) >= each.characters * WHOLE_SHARE
        if each.handle in handles and is_whole:
            return each, "opened"
        if path and each.kept_path == path:
            return each, "opened"
        if path and each.source_key == key:
            return each, "read"
    return None


def find_repeated(
    result: ToolResult, facts: str, earlier: Iterable[ResultDigest]
) -> tuple[ResultDigest, str] | None:
    """Return the digest of the same call with the same facts, or None if there is none.

    ``earlier`` are the digests since Claude's last edit. After an edit, Claude reruns tests for a different
    reason.
    """
    same = source_key(result), facts
    found = (each for each in earlier if (each.source_key, each.facts_key) == same)
    return next(((each, "again") for each in found), None)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:24]
