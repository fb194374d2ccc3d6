"""A client hears of a call again and again, with numbers that only grow."""

import asyncio
from typing import Any, cast

from server.calls.caller import ToolContext
from server.calls.progress import HEARTBEAT_SECONDS, progress_to

Said = tuple[float, float | None, str]


class Listener:
    """Takes the place of a request's context, which is a whole server otherwise."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    async def report_progress(self, progress: float, total: float | None, message: str) -> None:
        self.said.append((progress, total, message))


def listen(work: Any, heartbeat: float = HEARTBEAT_SECONDS) -> list[Said]:
    async def run() -> list[Said]:
        listener = Listener()
        async with progress_to(cast(ToolContext, listener), heartbeat) as report:
            await work(report, listener.said)
        return listener.said

    return asyncio.run(run())


def test_what_is_reported_is_passed_on() -> None:
    async def work(report: Any, _: list[Said]) -> None:
        await report(1, 10, "one")
        await report(5, 10, "five")

    assert listen(work) == [(1, 10, "one"), (5, 10, "five")]


def test_it_only_grows_whatever_the_stages_count() -> None:
    async def work(report: Any, _: list[Said]) -> None:
        for done, total in ((50, 100), (3, None), (0, 10), (0, 10)):
            await report(done, total, "stage")

    said = listen(work)
    numbers = [progress for progress, _, _ in said]
    assert numbers == sorted(set(numbers))
    assert all(total is None or progress <= total for progress, total, _ in said)


def test_silence_is_filled_with_the_last_line() -> None:
    async def work(report: Any, said: list[Said]) -> None:
        await report(1, None, "loading")
        while len(said) < 3:
            await asyncio.sleep(0.01)

    said = listen(work, heartbeat=0.05)
    assert all(message.startswith("loading") for _, _, message in said)


def test_silence_from_the_start_is_filled_too() -> None:
    async def work(_: Any, said: list[Said]) -> None:
        while not said:
            await asyncio.sleep(0.01)

    assert listen(work, heartbeat=0.05)


def test_the_promise_of_ten_seconds() -> None:
    assert HEARTBEAT_SECONDS < 10
