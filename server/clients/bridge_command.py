"""The command that MCP clients use to start the bridge."""

import sys
from pathlib import Path

ISOLATION = ("-E", "-P")
"""Python options for processes that clients start in the user's project. ``-E`` ignores ``PYTHONPATH``, in
which an empty or relative entry refers to the project folder. ``-P`` keeps that folder off the import path.
"""


def bridge_command() -> list[str]:
    """Return the command that starts the bridge, with an absolute path because desktop clients have another
    ``PATH``.
    """
    return [str(Path(sys.executable).absolute()), *ISOLATION, "-m", "server.bridge"]
