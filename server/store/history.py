"""The history of offloads: one row each from start to end, with its attempts, files and receipt."""

from pathlib import Path

from server.store.records import (
    AttemptRecord,
    DayTotal,
    OffloadDetail,
    OffloadEnd,
    OffloadFilter,
    OffloadRow,
    OffloadStart,
    Totals,
)


class History:
    """Reads and writes the history. Safe to use from one event loop; database work runs in threads."""

    @classmethod
    async def open(cls, database: Path) -> "History":
        """Open (create, migrate) the database; rows left ``running`` become ``interrupted``."""
        raise NotImplementedError

    async def close(self) -> None: ...
    async def start(self, start: OffloadStart) -> None: ...
    async def attempt(self, offload_id: str, attempt: AttemptRecord) -> None: ...
    async def finish(self, offload_id: str, end: OffloadEnd) -> None: ...
    async def mark_undone(self, offload_id: str) -> None: ...
    async def get(self, offload_id: str) -> OffloadDetail | None: ...
    async def page(
        self, where: OffloadFilter, limit: int = 50, before: str | None = None
    ) -> tuple[OffloadRow, ...]: ...
    async def totals(self, since: float | None = None) -> Totals: ...
    async def by_day(self, days: int) -> tuple[DayTotal, ...]: ...
