"""Command with which MCP clients start the bridge."""

import sys
from pathlib import Path

ISOLATION = ("-E", "-P")
"""Python options for a process that a client starts in the user's project. ``-E`` ignores ``PYTHONPATH``,
where an empty or relative entry means the project folder. ``-P`` keeps that folder off the import path.
"""


def bridge_command() -> list[str]:
    """Return the command that starts the bridge. Its path is absolute, because desktop clients have another
    ``PATH``.
    """
    return [str(Path(sys.executable).absolute()), *ISOLATION, "-m", "server.bridge"]
