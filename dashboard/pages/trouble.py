"""What stands in a page's place where it cannot be shown: why, and what to do about it."""

from nicegui import ui

from dashboard.components.button import button
from dashboard.components.card import card
from dashboard.components.shell import shell
from dashboard.components.text import box, text
from dashboard.feed import Feed
from server.common.errors import TokenSaverError
from server.hub import Hub


def show(hub: Hub, feed: Feed, section: str, error: TokenSaverError) -> None:
    """Fill the page anew, with the error in words."""
    ui.context.client.content.clear()
    with shell(hub, feed, "This page cannot be shown", section), card("What is wrong"):
        text(error.cause, "", "p")
        text(error.next_step, "", "p")
        text(error.code, "code")
        with box("actions"):
            button("Try again", ui.navigate.reload, look="main", icon="refresh")
