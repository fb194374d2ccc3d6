"""Samples of real outputs with sheets of the facts that a digest must keep."""

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.digests.layout import squeezed
from server.digests.values import Digest, Line

SAMPLES = Path(__file__).parent / "samples"
LIMIT = 2_000
"""Characters that a digest of a sample may have."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_QUOTES = str.maketrans("‘’“”", "''\"\"")


@dataclass(frozen=True)
class Sample:
    """An output as the tool wrote it, and its sheet."""

    name: str
    data: bytes
    sheet: dict[str, Any]


def names() -> list[str]:
    return sorted(path.parent.name for path in SAMPLES.glob("*/facts.json"))


def load(name: str) -> Sample:
    folder = SAMPLES / name
    sheet = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    return Sample(name, gzip.decompress((folder / "output.txt.gz").read_bytes()), sheet)


def missing(text: str, sheet: dict[str, Any]) -> list[str]:
    """The facts that a digest lacks."""
    shown = _plain(text)
    return [fact["fact"] for fact in sheet["facts"] if not any(_stands(way, shown) for way in fact["any"])]


def false(text: str, sheet: dict[str, Any]) -> list[str]:
    """The statements of a digest that the sheet calls false."""
    shown = _plain(text).replace("not all tests", "some tests")
    return [statement for statement in sheet["never"] if _stands(statement, shown)]


def misquoted(digest: Digest, lines: dict[int, Line]) -> list[str]:
    """The quotes of a digest that do not stand on the line that they name."""
    return [
        f"L{part.line}: {part.text}"
        for fact in digest.facts
        for part in fact.parts
        if part.line and part.text.removesuffix("…") not in squeezed(lines[part.line].text)
    ]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", _COLOUR.sub("", text)).translate(_QUOTES).casefold()


def _stands(wanted: str, text: str) -> bool:
    """Whether a string stands in a plain text, not within a longer word or number."""
    if wanted.startswith("re:"):
        return re.search(wanted[3:], text, re.IGNORECASE) is not None
    wanted = _plain(wanted)
    before = r"(?<!\w)(?<!\d[.,])" if wanted[0].isdigit() else r"(?<!\w)" if wanted[0].isalpha() else ""
    after = r"(?!\w)(?![.,]\d)" if wanted[-1].isdigit() else r"(?!\w)" if wanted[-1].isalpha() else ""
    return re.search(before + re.escape(wanted) + after, text) is not None
