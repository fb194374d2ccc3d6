"""Turns for the engine: sessions of one client take turns, as different clients do."""

import asyncio
import threading
from dataclasses import replace

import pytest

from server.offload.values import Caller, Task
from tests.pipeline_harness import OpenPipeline
from tests.standins.answers import Answer
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio


async def test_windows_of_one_client_take_turns(open_pipeline: OpenPipeline, caller: Caller) -> None:
    pipeline = await open_pipeline(offload={"run_code": False, "allow_losing": True})
    held = threading.Event()
    pipeline.ollama.answers.default = Answer("It adds.", held=held)
    loud, quiet = (replace(caller, session=session) for session in ("loud", "quiet"))

    async def ask(who: Caller, number: int) -> None:
        task = Task(f"What does part {number} do?", output_format="explanation")
        await pipeline.offloader.run(task, who, pipeline.report)

    calls = [asyncio.create_task(ask(loud, number)) for number in range(6)]
    await eventually(lambda: pipeline.engine.waiting == 5)
    calls.append(asyncio.create_task(ask(quiet, 99)))
    await eventually(lambda: pipeline.engine.waiting == 6)
    held.set()
    await asyncio.gather(*calls)
    asked = [body["messages"][-1]["content"] for body in pipeline.ollama.bodies("/api/chat")]
    order = ["quiet" if "part 99" in each else "loud" for each in asked]
    assert order.index("quiet") <= 2, order
