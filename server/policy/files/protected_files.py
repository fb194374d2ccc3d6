"""Protected files (``[paths] protect`` in ``config.toml``), matched by name.

``rules/evaluate.py`` decides that writing one needs the user's approval.
"""

import fnmatch
import posixpath
from collections.abc import Iterable

from server.policy.files.paths import LONGEST_PATH
from server.policy.files.special_names import folded


def protected_outputs(outputs: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the outputs that match a pattern.

    A pattern without a slash is matched against each path component, one with a slash against the end of the
    path. Case and accent forms are ignored, as on some file systems. Text too long to be a path never
    matches; it is refused later.
    """
    wanted = [_folded(pattern) for pattern in patterns]
    return tuple(output for output in outputs if len(output) <= LONGEST_PATH and _is_named(output, wanted))


def named_by(output: str, patterns: Iterable[str]) -> bool:
    """Return whether any pattern matches the output, as in ``protected_outputs``."""
    return bool(protected_outputs((output,), patterns))


def patterns_of(outputs: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that match at least one of the outputs."""
    named = tuple(outputs)
    return tuple(pattern for pattern in patterns if protected_outputs(named, (pattern,)))


def _is_named(output: str, patterns: Iterable[str]) -> bool:
    parts = [part for part in posixpath.normpath(_folded(output)).split("/") if part not in ("", ".", "..")]
    return any(_matches(parts, pattern) for pattern in patterns)


def _matches(parts: list[str], pattern: str) -> bool:
    if "/" not in pattern:
        return any(fnmatch.fnmatchcase(part, pattern) for part in parts)
    end = pattern.strip("/")
    # A star also matches slashes, so this pattern covers every end of the path in one step.
    ends = (end, f"*/{end}")
    return bool(parts) and any(fnmatch.fnmatchcase("/".join(parts), each) for each in ends)


def _folded(text: str) -> str:
    return "/".join(folded(part) for part in text.replace("\\", "/").split("/"))
