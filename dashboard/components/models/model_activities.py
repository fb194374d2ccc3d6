"""Model downloads, loads and measurements, with their progress."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.app_status import DOING
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, set_classes, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from server.hub import Hub
from server.state.snapshot import ModelActivity


class ModelActivities:
    """One line per activity, updated in place."""

    def __init__(self, hub: Hub) -> None:
        self._lines = KeyedList[ModelActivity](
            box("ts-activities"),
            lambda activity: (activity.model, activity.phase),
            lambda activity: _Activity(hub, activity),
        )

    def update(self, activities: Sequence[ModelActivity]) -> None:
        """Update the progress of each activity."""
        self._lines.update(activities)


class _Activity:
    def __init__(self, hub: Hub, activity: ModelActivity) -> None:
        downloads = activity.phase == "download"
        with box("ts-activity") as self.element:
            icon("downloading")
            with box("ts-grow"):
                text(f"{DOING[activity.phase]} {activity.model}", tag="p")
                self._progress = text("", "ts-sub ts-num", "p")
                self._meter = Meter(activity.model)
            if downloads:
                button(
                    "Cancel",
                    lambda: run_action(hub.engine.cancel_download(activity.model), "Download cancelled."),
                    label=f"Cancel the download of {activity.model}",
                    look="danger",
                )

    def update(self, activity: ModelActivity) -> None:
        self._progress.set_text(_progress(activity))
        self._meter.update(activity.completed / activity.total if activity.total else None)


class Meter:
    """A progress bar."""

    def __init__(self, label: str) -> None:
        with box("ts-meter ts-meter-unknown") as self._meter:
            self._meter.props.update({"role": "progressbar", "aria-label": label})
            self._fill = box("ts-meter-fill")

    def update(self, share: float | None) -> None:
        """Show a fraction from 0 to 1, or None if unknown."""
        set_classes(self._meter, "ts-meter" if share is not None else "ts-meter ts-meter-unknown")
        if share is None:
            self._fill.style(replace="")
            for name in ("aria-valuenow", "aria-valuemin", "aria-valuemax"):
                self._meter.props.pop(name, None)
        else:
            percent = max(0, min(100, round(100 * share)))
            self._meter.props.update({"aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100})
            self._fill.style(f"width: {percent}%")


def _progress(activity: ModelActivity) -> str:
    if not activity.total:
        return formats.size(activity.completed) if activity.completed else ""
    if activity.phase == "measure":
        return f"step {activity.completed + 1} of {activity.total}"
    share = activity.completed / activity.total
    parts = [f"{formats.size(activity.completed)} of {formats.size(activity.total)}, {share:.0%}"]
    if activity.rate:
        left = (activity.total - activity.completed) / activity.rate
        parts.append(f"{formats.size(round(activity.rate))}/s, {formats.countdown(left)} left")
    return ", ".join(parts)
