"""The command that an MCP client shall start: the bridge, by an absolute path."""

import shutil
import sys
from pathlib import Path


def bridge_command() -> list[str]:
    """Return the command that starts the bridge. Absolute: clients with windows have no ``PATH`` of ours."""
    name = "token-saver-mcp.exe" if sys.platform == "win32" else "token-saver-mcp"
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return [str(Path(found).absolute())] if found else [sys.executable, "-P", "-m", "server.bridge"]
