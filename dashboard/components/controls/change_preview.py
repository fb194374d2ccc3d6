"""A preview of a change to a client's file: its diff, and a button that writes it."""

import asyncio
from collections.abc import Awaitable, Callable

from dashboard.components.controls.button import button
from dashboard.components.controls.diff_view import diff_view
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action, show_error
from server.clients.config_change import ConfigChange
from server.common.errors import TokenSaverError, WriteFailed
from server.config.folders import Folders

Act = Callable[[ConfigChange, Folders], object]
"""A blocking function that writes a change."""


class ChangePreview:
    """An area that stays hidden until a change is planned."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._area = box("ts-preview")
        self._area.set_visibility(False)

    async def show(
        self,
        plan: Callable[[], tuple[ConfigChange, Act]],
        words: str,
        *,
        done: str,
        then: Callable[[], Awaitable[object]],
        label: str = "",
    ) -> None:
        """Show a planned change, or the error that planning it raised.

        Args:
            plan: returns the change and a function that writes it; blocking.
            words: text on the button that writes the change. ``label`` is a longer name for it.
            done: notice shown once the change has been written. ``then`` is awaited afterwards.
        """
        try:
            change, act = await asyncio.to_thread(plan)
        except TokenSaverError as error:
            show_error(error)
            return

        async def write() -> None:
            if await run_action(asyncio.to_thread(_write, act, change, self._folders), done):
                self._close()
                await then()

        self._area.clear()
        self._area.set_visibility(True)
        with self._area:
            text(f"This changes {change.place.path}:", "", "p")
            diff_view(change.diff())
            with box("ts-actions"):
                button(words, write, look="main", icon="check", label=label)
                button("Cancel", self._close)

    def _close(self) -> None:
        self._area.clear()
        self._area.set_visibility(False)


def _write(act: Act, change: ConfigChange, folders: Folders) -> None:
    try:
        act(change, folders)
    except OSError as error:
        raise WriteFailed(
            f"{change.place.path} could not be written: {error.strerror or error}.",
            "Free some disk space or fix the file's permissions, then try again.",
        ) from None
