"""What happened after a click: done, or an error with its code and next step."""

from collections.abc import Awaitable

from nicegui import ui

from server.common.errors import TokenSaverError

GROUP = "notice"
"""Notices of one group take each other's place: "Saved." does not stand beside the error before it."""


async def run_action(action: Awaitable[object], done: str = "") -> bool:
    """Await an action of the user's; say ``done``, or what went wrong. Return whether it went well."""
    # The page says it, not the button: the action itself may have taken that off the page.
    page = ui.context.client
    try:
        await action
    except TokenSaverError as error:
        with page:
            show_error(error)
        return False
    if done:
        with page:
            show_notice(done)
    return True


def show_notice(words: str) -> None:
    """Say something that went well."""
    ui.notify(words, type="positive", position="bottom-right", classes="notice", group=GROUP)


def show_error(error: TokenSaverError) -> None:
    """Show an error until it is closed: cause, next step, code."""
    ui.notify(
        f"{error.cause} {error.next_step}",
        caption=error.code,
        type="negative",
        position="bottom-right",
        multi_line=True,
        close_button="Close",
        timeout=0,
        classes="notice",
        group=GROUP,
    )
