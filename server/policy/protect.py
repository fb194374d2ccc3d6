"""Files that are written only with the user's approval: ``[paths] protect`` in ``config.toml``."""

import fnmatch
import posixpath
import unicodedata
from collections.abc import Iterable


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
    slashes = text.replace("\\", "/")
    # NTFS and APFS ignore case; Windows drops dots and spaces at a name's end; streams hide behind a colon.
    plain = unicodedata.normalize("NFKC", slashes).casefold()
    return "/".join(part.rstrip(" .") or part for part in plain.split("/"))
