"""What stands in a page's place where it cannot be shown: why, and what to do about it."""

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, text
from dashboard.components.frame.page_frame import page_frame
from dashboard.hub_updates import HubUpdates
from server.common.errors import TokenSaverError
from server.hub import Hub


def show(hub: Hub, updates: HubUpdates, section: str, error: TokenSaverError) -> None:
    """Fill the page anew, with the error in words."""
    ui.context.client.content.clear()
    with page_frame(hub, updates, "This page cannot be shown", section), card("What is wrong"):
        text(error.cause, "", "p")
        text(error.next_step, "", "p")
        text(error.code, "code")
        with box("actions"):
            button("Try again", ui.navigate.reload, look="main", icon="refresh")
