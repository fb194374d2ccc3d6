"""A question before an action that is hard to take back."""

from nicegui import ui

from dashboard.components.controls.button import Look, button
from dashboard.components.controls.elements import box, text


async def agrees(
    heading: str, about: str, *, yes: str, no: str = "Cancel", look: Look = "plain", icon: str
) -> bool:
    """Ask in a dialog and return whether the user chose ``yes``. ``look`` and ``icon`` are of that button."""
    with ui.dialog() as dialog, box("ts-card ts-dialog"):
        dialog.props["aria-label"] = heading
        text(heading, tag="h2")
        text(about, "", "p")
        with box("ts-actions"):
            button(yes, lambda: dialog.submit(True), look=look, icon=icon)
            button(no, lambda: dialog.submit(False))
    agreed = bool(await dialog)
    dialog.delete()
    return agreed
