"""Long output in the user's pager, with coloured diffs. Without a terminal, it is printed directly."""

import os
import pydoc
import sys
from types import TracebackType

from server.commands.terminal.output import styled
from server.common.control_characters import shown

LESS = "FRX"
"""Options of ``less``: quit if the text fits on one screen, show colours, keep the text on the screen."""
DIFF_STYLES = (
    ("+++", "bold"),
    ("---", "bold"),
    ("@@", "cyan"),
    ("+", "green"),
    ("-", "red"),
)
"""Styles for the lines of a unified diff, keyed by prefix; the first match wins."""


class Paged:
    """Text collected in a ``with`` block and shown when the block ends."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __enter__(self) -> "Paged":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        text = "\n".join(self._lines)
        if not sys.stdout.isatty():
            sys.stdout.write(f"{text}\n")
            return
        os.environ.setdefault("LESS", LESS)
        pydoc.pager(f"{text}\n")

    def add(self, text: str, style: str = "") -> None:
        """Add text that may come from a model, a file or a client; ``style`` as in ``echo``."""
        self._lines.append(styled(shown(text), style, sys.stdout))

    def add_diff(self, diff: str) -> None:
        """Add a unified diff."""
        for line in diff.splitlines():
            self.add(line, next((style for start, style in DIFF_STYLES if line.startswith(start)), ""))
