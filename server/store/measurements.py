"""Measurements of models on this machine, and how well real offloads went by model."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, text

from server.store.database import Database
from server.store.tables import measured_chore as chores
from server.store.tables import measurement as measurements


@dataclass(frozen=True)
class ChoreRecord:
    """One chore: whether the answer was right, how many seconds it took and, if wrong, why."""

    name: str
    category: str
    passed: bool
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class MeasurementRecord:
    """The result of measuring one model.

    ``load_seconds`` is None if the engine cannot load on request. Rates are tokens per second for a single
    request. ``speedup`` is the throughput of ``slots`` parallel requests relative to one request (1 for one
    slot). ``engine`` is the kind of backend; ``measured_at`` is in seconds since the epoch.
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
    """Real offloads by one model, by day and kind of call.

    Attributes:
        category: the call's argument, or empty if not given. The same goes for ``output_format``.
        latest: when the last offload started, in seconds since the epoch.
        accepted: number of ``judged`` offloads that were accepted.
        judged: offloads whose result depended on the model; other failures are left out.
        tokens: tokens that the model wrote in ``seconds`` seconds.
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
    """Reads and writes measurements. Every method can raise ``StoreError``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: MeasurementRecord) -> None:
        """Write one measurement and its chores in one transaction."""

        def write(connection: Connection) -> None:
            values = asdict(record)
            done = values.pop("chores")
            key = connection.execute(insert(measurements).values(**values)).inserted_primary_key
            if done and key is not None:
                connection.execute(insert(chores), [{"measurement_id": key[0], **each} for each in done])

        await self._database.write(write)

    async def since(self, instant: float, model: str = "") -> tuple[MeasurementRecord, ...]:
        """Return measurements since ``instant`` (seconds since the epoch), newest first, optionally for one
        model.
        """

        def read(connection: Connection) -> tuple[MeasurementRecord, ...]:
            query = select(measurements).where(measurements.c.measured_at >= instant)
            if model:
                query = query.where(measurements.c.model == model)
            rows = connection.execute(query.order_by(measurements.c.id.desc())).all()
            return tuple(_record(connection, row._asdict()) for row in rows)

        return await self._database.read(read)

    async def shown(self, model: str, chore_kind: str, instant: float) -> tuple[int, int]:
        """Return two counts for a model and kind since ``instant``: offloads shown to be right, and offloads
        shown to be either right or wrong.

        Right: shown by tests, examples or samples, or Claude left the result alone. Wrong: the result was
        handed back after the model had answered, undone, or changed by Claude. The undone items of a batch
        count once, because one decision of the user can undo all of them.
        """

        def read(connection: Connection) -> tuple[int, int]:
            values = {"model": model, "kind": chore_kind, "since": instant}
            right, judged = connection.execute(text(_SHOWN), values).one()
            return int(right), int(judged)

        return await self._database.read(read)

    async def practice(self, instant: float) -> tuple[PracticeRecord, ...]:
        """Return the offloads since ``instant`` (seconds since the epoch) by model, day and kind of call.

        Results that were handed back count as wrong. Undone results are left out, and so are failures not
        caused by the model, such as an unreachable engine.
        """

        def read(connection: Connection) -> tuple[PracticeRecord, ...]:
            rows = connection.execute(text(_PRACTICE), {"since": instant})
            return tuple(PracticeRecord(*row) for row in rows)

        return await self._database.read(read)


_SHOWN = """
WITH seen AS (
  SELECT (o.undone OR o.outcome = 'handed_back' OR coalesce(a.ending, '') IN ('edited', 'rewritten'))
           AS wrong,
         (o.strength IN ('tests ran', 'examples ran', 'samples agree')
           OR coalesce(a.ending, '') = 'left_alone') AS shown
  FROM offload o LEFT JOIN audit a ON a.seq = o.seq
  WHERE o.model = :model AND o.chore_kind = :kind AND o.started_at >= :since
    AND (o.outcome IN ('delivered', 'returned') OR (o.outcome = 'handed_back' AND o.completion_tokens > 0))
    AND NOT (o.undone AND EXISTS (
      SELECT 1 FROM offload e
      WHERE e.job_id = o.job_id AND e.undone AND e.seq < o.seq AND e.chore_kind = o.chore_kind))
)
SELECT coalesce(sum(shown AND NOT wrong), 0), coalesce(sum(shown OR wrong), 0) FROM seen
"""
_PRACTICE = """
SELECT o.model, o.tool,
       coalesce(json_extract(t.arguments, '$.category'), '') AS category,
       coalesce(json_extract(t.arguments, '$.output_format'), '') AS output_format,
       max(o.started_at),
       sum(o.outcome IN ('delivered', 'returned')),
       count(*),
       sum(o.completion_tokens),
       coalesce(sum(json_extract(t.timings, '$.generate')), 0.0)
FROM offload o JOIN offload_text t ON t.seq = o.seq
WHERE o.started_at >= :since AND o.model <> '' AND NOT o.undone
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
    return MeasurementRecord(**row, chores=done)  # type: ignore[arg-type] # columns equal fields
