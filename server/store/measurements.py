"""What was measured of models on this machine, and what real offloads say of them."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, text

from server.store.database import Database
from server.store.measurement_tables import chore as chores
from server.store.measurement_tables import measurement as measurements


@dataclass(frozen=True)
class ChoreRecord:
    """One chore: whether its answer was right, the seconds it took, and what was wrong with it."""

    name: str
    category: str
    passed: bool
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class MeasurementRecord:
    """What one measuring of a model found.

    ``load_seconds`` is None where the engine cannot load on request. Rates are tokens a second, of one
    request alone; ``speedup`` is how many times as much ``slots`` requests at once get done (1 for one slot).
    ``engine`` is the backend's kind, ``measured_at`` seconds since the epoch.
    """

    model: str
    engine: str
    measured_at: float
    num_ctx: int
    slots: int
    load_seconds: float | None
    prompt_rate: float
    generate_rate: float
    speedup: float
    chores: tuple[ChoreRecord, ...] = ()


@dataclass(frozen=True)
class PracticeRecord:
    """Real offloads of one model, day and kind: how many were accepted of those that the model itself made
    right or wrong, and the tokens that it wrote in how many seconds. ``latest`` is seconds since the epoch.

    ``category`` and ``output_format`` are the call's arguments, empty where it named none.
    """

    model: str
    tool: str
    category: str
    output_format: str
    latest: float
    accepted: int
    judged: int
    tokens: int
    seconds: float


class Measurements:
    """Reads and writes them. Every method may raise ``StoreError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: MeasurementRecord) -> None:
        """Write one measurement with its chores, all or nothing."""

        def write(connection: Connection) -> None:
            values = asdict(record)
            done = values.pop("chores")
            key = connection.execute(insert(measurements).values(**values)).inserted_primary_key
            if done and key is not None:
                connection.execute(insert(chores), [{"measurement_id": key[0], **each} for each in done])

        await self._database.write(write)

    async def since(self, instant: float, model: str = "") -> tuple[MeasurementRecord, ...]:
        """Return what was measured since then, newest first; of one model, where one is named."""

        def read(connection: Connection) -> tuple[MeasurementRecord, ...]:
            query = select(measurements).where(measurements.c.measured_at >= instant)
            if model:
                query = query.where(measurements.c.model == model)
            rows = connection.execute(query.order_by(measurements.c.id.desc())).all()
            return tuple(_record(connection, row._asdict()) for row in rows)

        return await self._database.read(read)

    async def practice(self, instant: float) -> tuple[PracticeRecord, ...]:
        """Return what the offloads since then say of each model.

        An offload that was handed back or undone counts as wrong; one that failed for another reason, such
        as an engine that was away, is not counted.
        """

        def read(connection: Connection) -> tuple[PracticeRecord, ...]:
            rows = connection.execute(text(_PRACTICE), {"since": instant})
            return tuple(PracticeRecord(*row) for row in rows)

        return await self._database.read(read)


_PRACTICE = """
SELECT o.model, o.tool,
       coalesce(json_extract(t.arguments, '$.category'), '') AS category,
       coalesce(json_extract(t.arguments, '$.output_format'), '') AS output_format,
       max(o.started_at),
       sum(o.outcome IN ('delivered', 'returned') AND NOT o.undone),
       count(*),
       sum(o.completion_tokens),
       coalesce(sum(json_extract(t.timings, '$.generate')), 0.0)
FROM offload o JOIN offload_text t ON t.seq = o.seq
WHERE o.started_at >= :since AND o.model <> ''
  AND o.outcome IN ('delivered', 'returned', 'handed_back')
GROUP BY o.model, o.day, o.tool, category, output_format
"""


def _record(connection: Connection, row: dict[str, object]) -> MeasurementRecord:
    key = row.pop("id")
    query = select(chores).where(chores.c.measurement_id == key).order_by(chores.c.category, chores.c.name)
    done = tuple(
        ChoreRecord(each.name, each.category, each.passed, each.seconds, each.reason)
        for each in connection.execute(query)
    )
    return MeasurementRecord(**row, chores=done)  # type: ignore[arg-type] # the columns are the fields
