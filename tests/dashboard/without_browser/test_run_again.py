"""Tasks from the history, run again."""

from dataclasses import replace

import pytest

from dashboard.run_again import can_run_again, task_of
from server.offload.asking.profitability import arguments_of
from server.store.records import OffloadDetail, OffloadRow

pytestmark = pytest.mark.fast


def test_a_task_from_the_history_equals_the_original() -> None:
    row = OffloadRow(
        *("1", 0.0, 1.0, "offload_work", "Do it", "claude-code", "/p", "a.py", "delivered", "", "", "m"),
        *(1, 1, 1.0, 1, 1, False),
    )
    said = {"task": "Do it", "files": ["a.py"], "output": "a.py", "output_format": "diff", "check": "test"}
    detail = OffloadDetail(row, said, "", None, "", "", {}, (), (), None, None)
    assert arguments_of(task_of(detail, "other")) == {**said, "model": "other"}
    assert can_run_again(detail)
    assert not can_run_again(replace(detail, arguments={}))
    assert can_run_again(replace(detail, row=replace(row, tool="batch_offload")))
    whole = {"task": "Do it", "each": ["*.py"], "output": "{path}"}
    assert not can_run_again(replace(detail, row=replace(row, tool="batch_offload"), arguments=whole))
    assert not can_run_again(replace(detail, row=replace(row, tool="compress_context")))
