"""Child processes of this same Python."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

TAIL = 2_000
"""Characters of a child's error output that are kept."""

if sys.platform == "win32":
    NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    NO_WINDOW = 0


async def run_python(arguments: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run this Python with ``arguments`` and return its exit status and the end of its error output.

    Cancelling kills it. ``-P`` keeps a folder of the user's from being imported as one of its modules.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
        creationflags=NO_WINDOW,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, errors.decode("utf-8", "replace")[-TAIL:].strip()
