"""The history as a list in which the offloads of a batch take one row that can be unfolded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import formats
from dashboard.components.controls.elements import box, icon, link, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.net_tokens import NetTokens
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.offload_list import OffloadEntry, list_head, title
from server.store.records import OffloadRow


@dataclass(frozen=True)
class BatchRows:
    """The offloads of one batch on a page of the history, newest first."""

    id: str
    rows: tuple[OffloadRow, ...]


class FoldedList:
    """Offloads and batches, updated in place, so that an open batch stays open."""

    def __init__(self, clock: Clock) -> None:
        self._folds = True
        with box("ts-offloads") as self.element:
            list_head()
            rows = box("ts-rows", "ul")
        self._rows = KeyedList[OffloadRow | BatchRows](
            rows,
            lambda each: each.id,
            lambda each: _Batch(each, clock) if isinstance(each, BatchRows) else _Single(each, clock),
        )

    def fold(self, folds: bool) -> None:
        """From the next update on, show a batch as one row, or each offload by itself."""
        self._folds = folds

    def update(self, rows: Sequence[OffloadRow]) -> None:
        """Show these rows in their order."""
        self._rows.update(folded(rows) if self._folds else rows)


def folded(rows: Sequence[OffloadRow]) -> list[OffloadRow | BatchRows]:
    """Return the rows, with those of a batch together in the place of its newest one. A batch with a single
    row stays a row.
    """
    batches: dict[str, list[OffloadRow]] = {}
    for row in rows:
        if row.job_id:
            batches.setdefault(row.job_id, []).append(row)
    found: list[OffloadRow | BatchRows] = []
    for row in rows:
        batch = batches.get(row.job_id or "", [])
        if len(batch) < 2:
            found.append(row)
        elif row is batch[0]:
            found.append(BatchRows(row.job_id or "", tuple(batch)))
    return found


class _Single:
    """An offload outside a batch."""

    def __init__(self, row: OffloadRow, clock: Clock) -> None:
        self._entry = OffloadEntry(row, clock, in_full=True)
        self.element = self._entry.element

    def update(self, each: OffloadRow | BatchRows) -> None:
        if isinstance(each, OffloadRow):
            self._entry.update(each)


class _Batch:
    """A batch: one row with its sums, which unfolds to its files."""

    def __init__(self, batch: BatchRows, clock: Clock) -> None:
        newest = batch.rows[0]
        with box("", "li") as self.element, box("ts-batch-fold", "details"):
            with box("ts-offload ts-batch-head", "summary"):
                with box("ts-outcome ts-outcome-batch", "span"):
                    icon("layers")
                    text("Batch")
                with box("ts-offload-task", "span"):
                    text(title(newest), "ts-task", title=newest.task[:1000])
                    self._about = text("", "ts-sub")
                self._time = text("", "ts-num ts-offload-time")
                self._net = NetTokens()
                clock.ago(newest.started_at, "ts-offload-when")
            with box("ts-batch-rows"):
                self._rows = KeyedList[OffloadRow](
                    box("ts-rows", "ul"),
                    lambda row: row.id,
                    lambda row: OffloadEntry(row, clock, by_file=True, in_full=True),
                )
                link(f"/batch/{batch.id}", "ts-more", "Open the batch")

    def update(self, each: OffloadRow | BatchRows) -> None:
        rows = each.rows if isinstance(each, BatchRows) else (each,)
        self._rows.update(rows)
        self._about.set_text(batch_words(rows))
        ended = [row for row in rows if row.ended_at is not None]
        self._time.set_text(formats.duration(sum(row.seconds for row in ended)) if ended else "")
        self._net.update(
            sum(row.net_tokens for row in ended),
            sum(row.net_microusd for row in ended),
            by_user=rows[0].by_user,
            would_save=sum(row.would_save_tokens for row in ended),
        )


def batch_words(rows: Sequence[OffloadRow]) -> str:
    """Return what became of the rows: ``10 files: 8 written, 2 handed back · qwen2.5-coder:7b``."""
    counts = Counter("undone" if row.undone else row.outcome for row in rows)
    parts = [f"{formats.number(many)} {formats.outcome(name).lower()}" for name, many in counts.most_common()]
    models = dict.fromkeys(row.model for row in rows if row.model)
    about = (
        f"{formats.count(len(rows), 'file')}: {', '.join(parts)}",
        ", ".join(models),
        formats.client_name(rows[0].client),
    )
    return " · ".join(part for part in about if part)
