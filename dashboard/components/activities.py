"""Models that are being downloaded or loaded, each with its progress."""

from collections.abc import Sequence

from dashboard import formats
from dashboard.components.button import button
from dashboard.components.notices import attempt
from dashboard.components.text import box, icon, text
from server.hub import Hub
from server.snapshot import ModelActivity


class Activities:
    """Rebuilt at every step of progress, which is at most a few times a second."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: tuple[ModelActivity, ...] = ()
        self._body = box("activities")

    def update(self, activities: Sequence[ModelActivity]) -> None:
        """Show how far each is."""
        if tuple(activities) == self._shown:
            return
        self._shown = tuple(activities)
        self._body.clear()
        with self._body:
            for activity in self._shown:
                self._show(activity)

    def _show(self, activity: ModelActivity) -> None:
        downloads = activity.phase == "download"
        with box("activity"):
            icon("downloading", "pulse")
            with box("grow"):
                text(f"{'Downloading' if downloads else 'Loading'} {activity.model}", tag="p")
                text(_progress(activity), "sub num", "p")
                _meter(activity)
            if downloads:
                button(
                    "Cancel",
                    lambda: attempt(self._hub.engine.cancel_download(activity.model), "Cancelled."),
                    label=f"Cancel the download of {activity.model}",
                    look="danger",
                )


def _progress(activity: ModelActivity) -> str:
    if not activity.total:
        return formats.size(activity.completed) if activity.completed else ""
    share = activity.completed / activity.total
    return f"{formats.size(activity.completed)} of {formats.size(activity.total)}, {share:.0%}"


def _meter(activity: ModelActivity) -> None:
    with box("meter" if activity.total else "meter meter-unknown") as meter:
        meter.props["role"] = "progressbar"
        meter.props["aria-label"] = activity.model
        fill = box("meter-fill")
        if activity.total:
            percent = min(100, round(100 * activity.completed / activity.total))
            meter.props.update({"aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100})
            fill.style(f"width: {percent}%")
