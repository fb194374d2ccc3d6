"""Compares CSV and TSV: the header's columns and the number of cells."""

import csv
from collections.abc import Iterator, Sequence

from server.offload.compare.values import Change

DELIMITERS = {".csv": ",;\t|", ".tsv": "\t"}
"""Possible delimiters by file extension; the first line decides between them."""


def compare_columns(before: str, after: str, suffix: str) -> Iterator[Change]:
    """Yield the columns that disappeared, and the first row whose cell count no longer matches."""
    delimiter = max(DELIMITERS[suffix], key=before.split("\n", 1)[0].count)
    old, new = _rows(before, delimiter), _rows(after, delimiter)
    if not old or not new or len(old[0]) < 2:
        return
    gone = [name for name in old[0] if name not in new[0]]
    if len(new[0]) < len(old[0]):
        for name in gone:
            yield Change("removed", "column", name, 1, "loss", (name,))
    elif gone:
        added = [name for name in new[0] if name not in old[0]]
        for name, other in zip(gone, added, strict=False):
            yield Change("renamed", "column", f"{name} to {other}", 1, "loss", (name, other))
    known = {len(row) for row in old}
    for number, row in enumerate(new, start=1):
        if len(row) != len(new[0]) and len(row) not in known:
            text = f"{len(row)} cells instead of {len(new[0])} in row {number}"
            yield Change("changed", "", text, number, "slip", ())
            return


def _rows(text: str, delimiter: str) -> Sequence[Sequence[str]]:
    try:
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    except csv.Error:
        return []
