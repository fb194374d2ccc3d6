"""A line that says before an undo that it would refuse, because the file was changed since."""

import asyncio

from nicegui import ui

from dashboard.components.controls.elements import box, text
from server.hub import Hub
from server.offload.delivery.undo import is_changed

WORDS = "This file was changed after the local model wrote it, so Undo would leave it as it is."


def changed_since(hub: Hub, offload_id: str) -> None:
    """Show the line if it is true. The file is read after the page is drawn, because disks can be slow."""
    with box("ts-notices") as line:
        text(WORDS, "ts-notice-line", "p")
    line.set_visibility(False)

    async def look() -> None:
        detail = await hub.history.get(offload_id)
        if detail is None or detail.undo is None or detail.row.undone:
            return
        changed = await asyncio.to_thread(is_changed, detail.undo)
        if not line.is_deleted:
            line.set_visibility(changed)

    ui.timer(0.01, look, once=True, immediate=False)
