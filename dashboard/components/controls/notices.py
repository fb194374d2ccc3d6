"""Notices after a user action: success, or an error with its code and next step."""

from collections.abc import Awaitable
from typing import Literal

from nicegui import ui

from server.common.errors import TokenSaverError

GROUP = "notice"
"""Notices in the same group replace each other, so that "Saved." never appears next to an older error."""


async def run_action(action: Awaitable[object], done: str = "") -> bool:
    """Await an action, then show ``done`` or the error. Return whether it succeeded."""
    # The notice belongs to the page, because the action may have removed the button.
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


def show_unexpected(error: Exception) -> None:
    """Show an error that nothing else has handled, so that no action fails without a word."""
    if isinstance(error, TokenSaverError):
        show_error(error)
        return
    _show_until_closed(
        "That did not work, because of an error in the app. The log has the details: token-saver logs",
        type(error).__name__,
    )


def show_notice(words: str, *, bad: bool = False) -> None:
    """Show a notice that an action succeeded. With ``bad``, something else ended without a result."""
    kind: Literal["negative", "positive"] = "negative" if bad else "positive"
    ui.notify(words, type=kind, position="bottom-right", classes="ts-notice", group=GROUP)


def show_error(error: TokenSaverError) -> None:
    """Show an error (cause, next step, code) until the user closes it."""
    _show_until_closed(f"{error.cause} {error.next_step}", error.code)


def _show_until_closed(words: str, caption: str) -> None:
    ui.notify(
        words,
        caption=caption,
        type="negative",
        position="bottom-right",
        multi_line=True,
        close_button="Close",
        timeout=0,
        classes="ts-notice",
        group=GROUP,
    )
