"""Desktop notices for important events. Each kind can be turned off under ``[tray]`` in ``config.toml``."""

from dataclasses import dataclass

from server.common.events import ApprovalRequested, Event, ModelProgress, PauseChanged
from server.config.sections import TraySettings
from server.state.snapshot import Snapshot
from tray.batches import Batch
from tray.formats import count, request, shorten


@dataclass(frozen=True)
class Notice:
    """A title and one or two sentences.

    A notice that asks a question has a ``topic``, so that it can be withdrawn, and ``choices``: button keys
    and labels. Desktops without support for buttons show only the text.
    """

    title: str
    text: str
    topic: str = ""
    choices: tuple[tuple[str, str], ...] = ()


ANSWERS = (("approve", "Approve"), ("deny", "Deny"))
"""The choices in a notice about a call awaiting approval."""


def notice_of_event(event: Event, settings: TraySettings) -> Notice | None:
    """Return the notice for an event; None for most events."""
    match event:
        case ModelProgress(phase="download", done=True, error="") if settings.notify_model:
            return Notice("Model ready", f"{event.model} is downloaded and ready.")
        case ModelProgress(phase="download", done=True) if settings.notify_model:
            return Notice("Download failed", f"{event.model}: {event.error}")
        case ApprovalRequested() if settings.notify_approval:
            client = shorten(event.client) or "a client"
            wish = f"{request(event.task, event.output, event.tool)}, from {client}"
            text = f"{wish}, {count(event.files, 'file')}. {event.reason.rstrip('.')}."
            return Notice("Approval needed", text, topic=event.approval_id, choices=ANSWERS)
        case PauseChanged(giving_way=True) if settings.notify_pause:
            return Notice("Offloading is paused", event.reason)
        case _:
            return None


def notice_of_batch(before: Batch | None, after: Batch, settings: TraySettings) -> Notice | None:
    """Return the notice for a batch that ended, unless the user cancelled it."""
    ended = before is not None and before.open and not after.open
    if not settings.notify_batch or not ended or after.state == "cancelled":
        return None
    done = f"{after.ended - after.wrong} of {after.total} done"
    wrong = f", {after.wrong} failed" if after.wrong else ""
    title = "Batch finished" if after.state == "done" else "Batch stopped"
    return Notice(title, f"{shorten(after.task)}: {done}{wrong}. {after.reason}".rstrip())


def notice_of_change(before: Snapshot, after: Snapshot, settings: TraySettings) -> Notice | None:
    """Return the notice for an engine that stopped responding between two snapshots."""
    lost = after.engine.error and not before.engine.error and before.engine.label
    if lost and settings.notify_engine:
        return Notice("Engine not responding", after.engine.error)
    return None
