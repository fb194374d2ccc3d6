"""Decides which state the icon shows: a pure function of a snapshot. ``icon_drawing`` draws it."""

from server.state.snapshot import ModelActivity, Snapshot
from tray.icon_drawing import Face
from tray.menu import NOTHING, Pending


def face(snapshot: Snapshot, pending: Pending = NOTHING) -> Face:
    """Return the icon's face. Its arc shows batch progress or, if there is none, download progress."""
    if pending.approvals:
        return Face("attention")
    working = [batch for batch in pending.batches if batch.state == "running"]
    if snapshot.state == "paused" or not (snapshot.running or snapshot.activities or working):
        return Face(snapshot.state)
    if total := sum(batch.total for batch in working):
        return Face("working", sum(batch.ended for batch in working) / total)
    return Face("working", _progress(snapshot.activities))


def _progress(activities: tuple[ModelActivity, ...]) -> float | None:
    known = [activity for activity in activities if activity.total]
    if not known:
        return None
    return sum(each.completed for each in known) / sum(each.total for each in known)
