"""Models suitable for this machine, compared by fit, speed, results on chores, licence and download size."""

from collections.abc import Awaitable, Callable

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, set_classes, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from dashboard.components.models.download_button import ignore_progress
from dashboard.components.models.recommended_models import (
    fit_of,
    ranked_for_code,
    rate_note,
    rate_of,
)
from server.hub import Hub
from server.models.default_model import make_default
from server.models.recommend import Recommendation

MOST = 8
COLUMNS = ("Model", "Memory", "Speed", "Quality", "Licence", "Download", "")


class ModelTable:
    """The best models for code, installed or not, one per row."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with box("ts-groups ts-coach", "table") as self._table:
            with box("", "thead"), box("", "tr"):
                for head in COLUMNS:
                    text(head, tag="th").props["scope"] = "col"
            body = box("", "tbody")
        self._rows = KeyedList[tuple[Recommendation, bool]](
            body, lambda each: each[0].model.name, lambda each: _Row(hub, each[0], self.load)
        )
        self._ranking = text("Ranking the models for this machine…", "ts-sub", "p")
        with box() as self._nothing:
            empty("No recommendations without an engine. Start Ollama or your own server.")
        self._table.set_visibility(False)
        self._nothing.set_visibility(False)

    async def load(self) -> None:
        """Rank the models again."""
        found = await ranked_for_code(self._hub)
        fitting = [each for each in found if each.fits and not each.model.is_toy][:MOST] or list(found[:1])
        others = [each for each in found if each.installed and each not in fitting]
        default = self._hub.snapshot().engine.default_model
        shown = (*fitting, *others)
        self._rows.update([(each, each.model.name == default) for each in shown])
        # Without a measured or published figure, the column would be empty.
        known = any(each.evidence.quality is not None or each.model.quality is not None for each in shown)
        set_classes(self._table, f"ts-groups ts-coach{'' if known else ' ts-coach-unproved'}")
        self._ranking.set_visibility(False)
        self._table.set_visibility(bool(found))
        self._nothing.set_visibility(not found)


class _Row:
    """The row for one model. Its cells are built once."""

    def __init__(self, hub: Hub, each: Recommendation, reload: Callable[[], Awaitable[None]]) -> None:
        self._hub = hub
        self._reload = reload
        name = self._name = each.model.name
        with box("", "tr") as self.element:
            with box("", "th") as head:
                head.props["scope"] = "row"
                text(formats.model_name(name), "ts-group-name", title=name)
                self._default = text("default", "ts-tag", title="Used unless a call names another model")
                if formats.model_name(name) != name:
                    text(name, "ts-sub ts-coach-id", "p")
                self._why = text("", "ts-sub", "p")
            self._fit, self._speed, self._chores, self._licence, self._download = map(_Cell, COLUMNS[1:6])
            with box("ts-coach-action", "td"):
                self._pull = button(
                    "Download", self._pull_it, icon="cloud_download", label=f"Download {name}"
                )
                self._choose = button("Make default", self._make_default, label=f"Make {name} the default")

    def update(self, entry: tuple[Recommendation, bool]) -> None:
        """Update the cells of the row."""
        each, default = entry
        about = "≈ " if each.model.size_estimated else ""
        self._why.set_text(reason_of(each))
        self._fit.set_text(fit_of(each))
        self._speed.set_text(rate_of(each) or "–", rate_note(each))
        self._chores.set_text(*results_of(each))
        self._licence.set_text(formats.licence(each.model.license) or "unknown")
        size = f"{about}{formats.size(each.model.size)}" if each.model.size else "–"
        self._download.set_text("installed" if each.installed else size)
        self._default.set_visibility(default)
        self._pull.set_visibility(not each.installed)
        self._choose.set_visibility(each.installed and not default)

    async def _pull_it(self) -> None:
        await run_action(self._hub.engine.pull(self._name, ignore_progress), f"{self._name} is installed.")

    async def _make_default(self) -> None:
        done = await run_action(
            make_default(self._hub.engine, self._hub.folders, self._name),
            f"{self._name} is used from now on, unless a call names another model.",
        )
        if done:
            await self._reload()


class _Cell:
    """A cell with a value and a small note below it. In a narrow window, the heading precedes the value."""

    def __init__(self, heading: str) -> None:
        with box("", "td") as cell:
            cell.props["data-heading"] = heading
            self._value = text("", "ts-coach-value")
            self._note = text("", "ts-sub", "p")

    def set_text(self, value: str, note: str = "") -> None:
        self._value.set_text(value)
        self._note.set_text(note)
        self._note.set_visibility(bool(note))


def reason_of(each: Recommendation) -> str:
    """Return in a few words why the model stands where it does. The order is that of ``ranking``."""
    if each.custom:
        return "your choice"
    if not each.fits:
        return "does not fit now"
    if each.slow:
        return "slow here" if each.evidence.generate_rate else "slow without a GPU"
    if each.evidence.tier != 1:
        return "good results here" if each.evidence.tier == 0 else "often wrong here"
    return "installed, fast enough" if each.installed else "fits, fast enough"


def results_of(each: Recommendation) -> tuple[str, str]:
    """Return the share of right results on this machine and its 95 % interval. Without results, return a
    published figure and the name of its benchmark, or that nothing is known.
    """
    evidence, published = each.evidence, each.model.quality
    if evidence.quality is not None:
        low, high = evidence.interval
        share = f"{evidence.quality:.0%} of {formats.count(round(evidence.weight), 'task')}"
        return share, f"likely {low:.0%} to {high:.0%}"
    if published is not None:
        return f"{published.value:g} of 100", published.benchmark
    return "not measured", ""
