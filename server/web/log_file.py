"""The hub's log file: private, rotated, one line per record."""

import logging
import logging.handlers
import os
from io import TextIOWrapper
from typing import Any, cast

from server.common.control_characters import in_line
from server.config.folders import Folders
from server.config.settings import Settings

LOG_BYTES, LOGS_KEPT = 1_000_000, 3
"""Maximum size of the log (bytes), and the number of older logs to keep."""
QUIET_SECONDS = 60.0
"""Minimum interval between repeated warnings about invalid requests (seconds)."""


def log_to_file(settings: Settings, folders: Folders) -> None:
    """Write the log to ``token-saver.log``, with rotation."""
    folders.create()
    handler = _PrivateLog(folders.log_file, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8")
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    if settings.log_level != "debug":
        for chatty in ("httpx", "httpcore", "mcp", "alembic", "sse_starlette"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_Seldom())
    folders.log_file.chmod(0o600)


class OneLineFormatter(logging.Formatter):
    """Formats a record as one line, and a traceback as indented lines after it.

    Text in a record can come from models, files and clients. A line feed in a name must not look like the
    start of another record, and a terminal showing the log must not interpret escape sequences in it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line."""
        return in_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback."""
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's name
        """Return the stack."""
        return _indented(super().formatStack(stack_info))


def _indented(text: str) -> str:
    return "\n".join(f"    {in_line(line)}" for line in text.split("\n"))


class _Seldom(logging.Filter):
    """Lets a repeated warning through once per interval, so that invalid requests cannot fill the log."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info or record.created - self._said.get(record.msg, 0.0) > QUIET_SECONDS:
            self._said[record.msg] = record.created
            return True
        return False


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """A rotating log whose files only the user can read."""

    def _open(self) -> TextIOWrapper:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        path, mode = self.baseFilename, self.mode
        return cast(TextIOWrapper, open(path, mode, encoding=self.encoding, opener=private))
