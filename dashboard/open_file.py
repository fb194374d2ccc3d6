"""Opening a file in the program that the desktop uses for it, or in the editor of ``VISUAL``."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from server.common.errors import NotFound

OPENERS = {"darwin": "open", "linux": "xdg-open"}


async def open_file(path: str) -> None:
    """Open the file.

    Raises:
        NotFound: the file does not exist any more, or there is no program to open it.
    """
    if not await asyncio.to_thread(Path(path).is_file):
        raise NotFound(f"{path} does not exist any more.", "It was moved or removed since.")
    await asyncio.to_thread(_open, path)


def _open(path: str) -> None:
    if sys.platform == "win32" and not os.environ.get("VISUAL"):
        os.startfile(path)  # noqa: S606 - the desktop chooses the program
        return
    command = shlex.split(os.environ.get("VISUAL", "")) or [OPENERS.get(sys.platform, "xdg-open")]
    program = shutil.which(command[0])
    if program is None:
        raise NotFound(
            f"There is no program {command[0]!r} to open files with.",
            "Set the variable VISUAL to the command of your editor, and start Token Saver again.",
        )
    subprocess.Popen(
        [program, *command[1:], path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
