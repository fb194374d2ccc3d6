"""Command with which MCP clients start the bridge."""

import shutil
import sys
from pathlib import Path


def bridge_command() -> list[str]:
    """Return the command that starts the bridge. Its path is absolute: desktop clients lack our ``PATH``."""
    name = "token-saver-mcp.exe" if sys.platform == "win32" else "token-saver-mcp"
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return [str(Path(found).absolute())] if found else [sys.executable, "-P", "-m", "server.bridge"]
