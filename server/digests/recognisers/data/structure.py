"""Text that only its structure distinguishes from prose: tables with aligned columns, and records."""

from collections.abc import Sequence

from server.digests.recognisers.data.aligned import aligned_tables
from server.digests.recognisers.data.blocks import blocks_of
from server.digests.recognisers.data.documents import Document
from server.digests.values import Line

_COVERED = 0.6
"""Minimum share of lines in text that must stand in tables."""
_MOST_TABLES = 12


def structure_of(lines: Sequence[Line]) -> Document | None:
    """Return the facts of text that consists of tables or records, or None for any other text."""
    filled = sum(bool(line.text.strip()) for line in lines)
    tables = sorted(aligned_tables(lines), key=lambda table: -table.lines)
    if tables and sum(table.lines for table in tables) >= _COVERED * filled:
        return Document("table", [fact for table in tables[:_MOST_TABLES] for fact in table.facts()])
    if (blocks := blocks_of(lines)) is not None:
        return Document("records", blocks.facts())
    return None
