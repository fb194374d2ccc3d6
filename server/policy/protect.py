"""Files that are written only with the user's approval: ``[paths] protect`` in ``config.toml``."""

import fnmatch
import posixpath
from collections.abc import Iterable

from server.policy.names import folded


def protected_outputs(outputs: Iterable[str], patterns: Iterable[str]) -> tuple[str, ...]:
    """Return the outputs that a pattern names.

    A pattern without a slash is matched against each part of the path, one with a slash against its end,
    both without regard to case or the form of accents, as some file systems are.
    """
    wanted = [_folded(pattern) for pattern in patterns]
    return tuple(output for output in outputs if any(_matches(_folded(output), each) for each in wanted))


def _matches(path: str, pattern: str) -> bool:
    parts = [part for part in posixpath.normpath(path).split("/") if part not in ("", ".", "..")]
    if "/" not in pattern:
        return any(fnmatch.fnmatchcase(part, pattern) for part in parts)
    depth = range(len(parts))
    return any(fnmatch.fnmatchcase("/".join(parts[start:]), pattern.strip("/")) for start in depth)


def _folded(text: str) -> str:
    return "/".join(folded(part) for part in text.replace("\\", "/").split("/"))
