"""Work that outlives a cancellation, and background tasks with an orderly end."""

import asyncio
import logging
import threading

import pytest

from server.common.aio import (
    BackgroundTasks,
    cancel_and_wait,
    run_thread_uncancellable,
    run_uncancellable,
    running,
)

pytestmark = [pytest.mark.anyio, pytest.mark.fast]


class Work:
    """Work that the test ends."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = asyncio.Event()
        self.ended = False
        self.error = error

    async def run(self) -> str:
        await self.may_end.wait()
        self.ended = True
        if self.error is not None:
            raise self.error
        return "done"


async def cancel_twice(task: "asyncio.Task[str]") -> None:
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0.01)


async def test_the_result_is_passed_on() -> None:
    work = Work()
    work.may_end.set()
    assert await run_uncancellable(work.run()) == "done"
    assert await run_thread_uncancellable(max, 1, 2) == 2


async def test_a_caller_cancelled_twice_waits_for_the_end_and_is_then_cancelled() -> None:
    work = Work()
    caller = asyncio.create_task(run_uncancellable(work.run()))
    await cancel_twice(caller)
    assert not caller.done()
    work.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.ended


async def test_a_cancelled_caller_waits_for_the_end_of_a_thread() -> None:
    may_end = threading.Event()
    caller = asyncio.create_task(run_thread_uncancellable(may_end.wait, timeout=10.0))
    await asyncio.sleep(0.01)
    caller.cancel()
    await asyncio.sleep(0.01)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_an_error_is_the_cause_of_the_cancellation() -> None:
    work = Work(OSError("disk full"))
    caller = asyncio.create_task(run_uncancellable(work.run()))
    await cancel_twice(caller)
    work.may_end.set()
    with pytest.raises(asyncio.CancelledError) as raised:
        await caller
    assert raised.value.__cause__ is work.error


async def test_an_error_goes_first_where_that_is_wanted() -> None:
    work = Work(OSError("disk full"))
    caller = asyncio.create_task(run_uncancellable(work.run(), error_first=True))
    await cancel_twice(caller)
    work.may_end.set()
    with pytest.raises(OSError, match="disk full"):
        await caller


async def test_work_that_is_itself_cancelled_cancels_the_caller() -> None:
    inner = asyncio.create_task(Work().run())
    caller = asyncio.create_task(run_uncancellable(inner))
    await asyncio.sleep(0)
    inner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_work_beside_a_block_ends_with_it() -> None:
    work = Work()

    async def beside() -> None:
        await work.run()

    async with running(beside()):
        await asyncio.sleep(0)
    assert not work.ended


async def test_the_error_of_work_beside_a_block_is_raised_at_the_end_of_the_block() -> None:
    async def fail() -> None:
        raise OSError("broke off")

    ended = asyncio.Event()

    async def block() -> None:
        async with running(fail()):
            await asyncio.sleep(0.01)
            ended.set()

    with pytest.raises(OSError, match="broke off"):
        await block()
    assert ended.is_set()


async def test_finish_leaves_the_work_to_the_background_when_the_caller_is_cancelled() -> None:
    tasks, work = BackgroundTasks(), Work()
    caller = asyncio.create_task(tasks.finish(work.run()))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not work.ended
    work.may_end.set()
    await tasks.drain()
    assert work.ended


async def test_finish_raises_the_error_and_does_not_log_it(caplog: pytest.LogCaptureFixture) -> None:
    work = Work(OSError("disk full"))
    work.may_end.set()
    with caplog.at_level(logging.ERROR), pytest.raises(OSError, match="disk full"):
        await BackgroundTasks().finish(work.run())
    assert caplog.records == []


async def test_the_error_of_a_background_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks, work = BackgroundTasks(), Work(OSError("disk full"))
    tasks.start(work.run(), name="a write")
    work.may_end.set()
    with caplog.at_level(logging.ERROR):
        await tasks.drain()
        await asyncio.sleep(0)
    assert "background task a write failed" in caplog.text
    assert "disk full" in caplog.text


async def test_close_cancels_what_is_left() -> None:
    tasks, work = BackgroundTasks(), Work()
    task = tasks.start(work.run())
    await asyncio.sleep(0)
    await tasks.close()
    assert task.cancelled()
    await tasks.close()


async def test_cancel_and_wait_takes_tasks_that_were_never_started() -> None:
    task = asyncio.create_task(Work().run())
    await asyncio.sleep(0)
    await cancel_and_wait(None, task)
    assert task.cancelled()
