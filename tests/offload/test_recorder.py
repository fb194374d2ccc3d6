"""The recorder of offloads: rows get their end, and long texts are counted off the event loop."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import LedgerSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger, Receipt
from server.offload.run.progress import Progress
from server.offload.run.recorder import AT_ONCE, OffloadRecorder, OffloadState
from server.offload.values import Task
from tests.pipeline_harness import PipelineHarness

pytestmark = pytest.mark.anyio


class ThreadNotingLedger(Ledger):
    """Notes the threads in which receipts are made."""

    threads: set[int]

    def receipt(self, *args: Any, **settings: Any) -> Receipt:
        self.threads.add(threading.get_ident())
        return super().receipt(*args, **settings)


@pytest.mark.parametrize("length", [100, AT_ONCE])
async def test_long_texts_are_counted_off_the_event_loop(pipeline: PipelineHarness, length: int) -> None:
    ledger = ThreadNotingLedger(LedgerSettings(), load_prices(find_folders().prices_file), 800)
    ledger.threads = set()
    events = EventBus()
    recorder = OffloadRecorder(pipeline.history, ledger, events)
    caller = replace(pipeline.caller, arguments={"task": "t", "context": "x" * length})
    run = OffloadState("o", Task("t"), caller, Progress("o", pipeline.report, events), {})
    await recorder.open(run)
    outcome = await recorder.close(run, "handed_back", "no", "answer_empty")
    assert (threading.get_ident() in ledger.threads) == (length < AT_ONCE)
    detail = await pipeline.history.get("o")
    assert detail is not None
    assert (detail.row.outcome, detail.row.net_tokens) == ("handed_back", outcome.net_tokens)
    assert outcome.net_tokens < -length / 100
