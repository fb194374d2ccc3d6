"""The order of the test files: slow files first, as an earlier run measured them.

A worker keeps a file, and the run would wait for a slow file that starts late. After larger changes,
``TOKEN_SAVER_TEST_ORDER=write uv run pytest`` writes ``slow_files.txt`` anew.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

FILE = Path(__file__).with_suffix(".txt")
"""Names of files relative to this folder, slowest first, one a line."""
LISTED_SECONDS = 5.0
"""Time from which a file is listed (seconds)."""
SLOWEST_FIRST = tuple(FILE.read_text(encoding="utf-8").split())

_ranks = {file: rank for rank, file in enumerate(SLOWEST_FIRST)}
_seconds: Counter[str] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first."""
    items.sort(key=lambda item: _ranks.get(_file(item.nodeid), len(_ranks)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the time of each file."""
    _seconds[_file(report.nodeid)] += report.duration  # type: ignore[assignment]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the order, if a whole run is asked to."""
    config = session.config
    whole = config.args == config.getini("testpaths") and not (
        config.option.markexpr or config.option.keyword
    )
    is_worker = hasattr(config, "workerinput")
    if os.environ.get("TOKEN_SAVER_TEST_ORDER") == "write" and whole and _seconds and not is_worker:
        slow = [file for file, seconds in _seconds.most_common() if seconds >= LISTED_SECONDS]
        FILE.write_text("".join(f"{file}\n" for file in slow), encoding="utf-8")


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")
