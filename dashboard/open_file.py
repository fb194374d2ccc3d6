"""Opens a file in its default desktop application, or in the editor named by ``VISUAL``."""

import asyncio
import os
import shlex
import subprocess
import sys
from pathlib import Path

from server.common.errors import NotFound
from server.common.processes import find_program

OPENERS = {"darwin": "open", "linux": "xdg-open"}


async def open_file(path: str) -> None:
    """Open the file in the user's preferred application.

    Raises:
        NotFound: the file no longer exists, or no program can open it.
    """
    if not await asyncio.to_thread(Path(path).is_file):
        raise NotFound(f"{path} no longer exists.", "The file was moved or removed.")
    await asyncio.to_thread(_open, path)


def _open(path: str) -> None:
    if sys.platform == "win32" and not os.environ.get("VISUAL"):
        os.startfile(path)  # noqa: S606 - the desktop chooses the program
        return
    command = shlex.split(os.environ.get("VISUAL", "")) or [OPENERS.get(sys.platform, "xdg-open")]
    program = find_program(command[0])
    if program is None:
        raise NotFound(
            f"The program {command[0]!r} for opening files was not found.",
            "Set the VISUAL variable to the command of your editor, and restart Token Saver.",
        )
    subprocess.Popen(
        [program, *command[1:], path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
