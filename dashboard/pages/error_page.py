"""Shown in place of a page that failed: the cause and the next step."""

from nicegui import ui

from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, text
from dashboard.components.frame.page_frame import page_frame
from dashboard.hub_updates import HubUpdates
from server.common.errors import TokenSaverError
from server.hub import Hub


def show(hub: Hub, updates: HubUpdates, section: str, error: TokenSaverError) -> None:
    """Replace the page's content with the error."""
    ui.context.client.content.clear()
    with page_frame(hub, updates, "This page cannot be shown", section), card("What went wrong"):
        text(error.cause, "", "p")
        text(error.next_step, "", "p")
        text(error.code, "ts-code")
        with box("ts-actions"):
            button("Try again", ui.navigate.reload, look="main", icon="refresh")
