"""Starts the status line on Windows, where the command names this file instead of containing code.

Claude Code runs the command through Git Bash, which removes backslashes, or through PowerShell, which removes
double quotes.
"""

from __future__ import annotations

import os
import sys

# The command runs with -I, which leaves this package's folder off the import path. `os.path` starts faster.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120

from server.statusline.main import HOME, WRAPPED, WRAPPED_HEX, main


def translated(arguments: list[str]) -> list[str]:
    """Return the arguments for ``main``. Set ``TOKEN_SAVER_HOME`` if they name a home."""
    named = dict(zip(arguments[::2], arguments[1::2], strict=False))
    if HOME in named:
        os.environ["TOKEN_SAVER_HOME"] = named[HOME]
    return [WRAPPED, bytes.fromhex(named[WRAPPED_HEX]).decode()] if WRAPPED_HEX in named else []


if __name__ == "__main__":
    sys.argv[1:] = translated(sys.argv[1:])
    main()
