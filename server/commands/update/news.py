"""What is new between two versions, from the changelog that each version contains."""

import re
from pathlib import Path

CHANGELOG = "CHANGELOG.md"
_SECTION = re.compile(r"^## (\S+).*\n", re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def news(metadata: Path, since: str) -> str:
    """Return the changelog's sections after a version; empty if the changelog is missing.

    Args:
        metadata: the ``.dist-info`` folder of the new version.
        since: the version that is installed.
    """
    try:
        text = (metadata / "extra_metadata" / CHANGELOG).read_text(encoding="utf-8")
    except OSError:
        return ""
    found = list(_SECTION.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    newer = (
        text[each.start() : end].strip()
        for each, end in zip(found, ends, strict=True)
        if _VERSION.fullmatch(each[1]) and number(each[1]) > number(since)
    )
    return "\n\n".join(newer)


def number(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, for comparisons."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
