"""A pytest plugin that records which lines of a file the tests execute. Runs in the project's own pytest.

It needs only the standard library. ``TOKEN_SAVER_WATCHED`` names the file. The lines are printed to standard
output at the end of the session.
"""

import os
import sys
import threading
from types import FrameType
from typing import Any

MARK = "token-saver executed lines:"
WATCHED = "TOKEN_SAVER_WATCHED"
_file = os.path.realpath(os.environ.get(WATCHED, ""))
_is_watched: dict[str, bool] = {}
_lines: set[int] = set()


def pytest_runtest_call(item: Any) -> None:  # noqa: ARG001 - the name is part of pytest's interface
    """Start watching, unless another tracer is already active."""
    if sys.gettrace() is None:
        threading.settrace(_enter)
        sys.settrace(_enter)


def pytest_runtest_teardown(item: Any) -> None:  # noqa: ARG001 - the name is part of pytest's interface
    """Stop watching."""
    if sys.gettrace() is _enter:
        sys.settrace(None)
        threading.settrace(None)


def pytest_unconfigure(config: Any) -> None:
    """Print the report, except in a worker, whose output belongs to its controller."""
    if not hasattr(config, "workerinput"):
        sys.stdout.flush()
        os.write(1, f"\n{MARK} {','.join(map(str, sorted(_lines)))}\n".encode())


def _enter(frame: FrameType, _event: str, _argument: Any) -> Any:
    name = frame.f_code.co_filename
    if name not in _is_watched:
        _is_watched[name] = os.path.realpath(name) == _file
    return _line if _is_watched[name] else None


def _line(frame: FrameType, event: str, _argument: Any) -> Any:
    if event == "line":
        _lines.add(frame.f_lineno)
    return _line
