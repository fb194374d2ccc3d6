"""How many offloads each value of a filter would leave, for the filters of the history list."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, case, func, literal
from sqlalchemy.sql import ColumnElement

from server.store.database import Database
from server.store.queries import HITS, MOST_SUMMED, filtered
from server.store.records import IN_BATCH, NO_BATCH, OffloadFilter
from server.store.search import match_expression
from server.store.tables import offload

_REVIEW = case(
    (offload.c.undone, "undone"),
    (offload.c.reviewed != "", offload.c.reviewed),
    (offload.c.outcome == "delivered", "waiting"),
    else_="",
)
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    **{name: offload.c[name] for name in ("outcome", "tool", "model", "project", "client", "strength")},
    "review": _REVIEW,
    "batch": func.coalesce(offload.c.job_id, NO_BATCH),
}


@dataclass(frozen=True)
class FacetCounts:
    """The number of offloads for each value, by field of ``OffloadFilter``. A field's own filter does not
    limit its counts. ``more``: only the newest ``MOST_SUMMED`` offloads were counted.
    """

    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    more: bool = False

    def of(self, name: str) -> Mapping[str, int]:
        """Return the counts of one field, by value."""
        return self.counts.get(name, {})


async def count_facets(database: Database, where: OffloadFilter) -> FacetCounts:
    """Count the offloads that each value would leave. Can raise ``StoreError``."""
    can_search = database.can_search
    return await database.read(lambda connection: _count(connection, where, can_search))


def _count(connection: Connection, where: OffloadFilter, can_search: bool) -> FacetCounts:
    free = [name for name in _COLUMNS if not getattr(where, name)]
    counts, more = _of_fields(connection, where, free, can_search)
    for name in _COLUMNS:
        if name not in free:
            without: dict[str, Any] = {name: ""}
            own, also = _of_fields(connection, replace(where, **without), [name], can_search)
            counts, more = counts | own, more or also
    counts["batch"] = _batches(counts["batch"])
    return FacetCounts(counts, more)


def _of_fields(
    connection: Connection, where: OffloadFilter, names: Sequence[str], can_search: bool
) -> tuple[dict[str, Counter[str]], bool]:
    """Count several fields in one pass over the newest matching offloads."""
    match = match_expression(where.search) if can_search else ""
    newest = HITS.c.rowid if match else offload.c.seq
    columns = [_COLUMNS[name].label(name) for name in names] or [literal("").label("none")]
    rows = filtered(where, match).with_only_columns(*columns).order_by(newest.desc()).limit(MOST_SUMMED + 1)
    found = rows.subquery()
    query = func.count().select().add_columns(*found.c).select_from(found).group_by(*found.c)
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    total = 0
    for many, *values in connection.execute(query):
        total += many
        for name, value in zip(names, values, strict=False):
            if value:
                counts[name][value] += many
    return counts, total > MOST_SUMMED


def _batches(counts: Counter[str]) -> Counter[str]:
    """Add the number of offloads in any batch."""
    in_batch = counts.total() - counts[NO_BATCH]
    return counts + Counter({IN_BATCH: in_batch}) if in_batch else counts
