"""Downloads: one per model, reported to all followers, ended with the last one."""

import asyncio

import pytest

from server.backends.base import PullProgress, ReportPull
from server.common.errors import DownloadError, NoNetwork, NotFound
from server.common.events import Event, EventBus, ModelProgress
from server.engine.downloads import Downloads
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio


class Source:
    """A source that delivers a step whenever the test allows one."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.step = asyncio.Event()
        self.error: Exception | None = None

    async def fetch(self, report: ReportPull) -> None:
        self.started += 1
        try:
            await report(PullProgress("m", "pulling", 10, 100))
            await self.step.wait()
            if self.error:
                raise self.error
            await report(PullProgress("m", "success", 100, 100))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Follower:
    """A caller that waits for the download."""

    def __init__(self, downloads: Downloads, source: Source, *, detach: bool = False) -> None:
        self.seen: list[PullProgress] = []
        self.task = asyncio.create_task(downloads.follow("m", self._report, source.fetch, detach=detach))

    async def _report(self, progress: PullProgress) -> None:
        self.seen.append(progress)

    def saw(self, completed: int) -> bool:
        return any(each.completed == completed for each in self.seen)


async def test_two_followers_share_one_download() -> None:
    heard: list[Event] = []
    events = EventBus()
    events.subscribe(heard.append)
    downloads, source = Downloads(events), Source()

    one, two = Follower(downloads, source), Follower(downloads, source)
    await eventually(lambda: one.saw(10) and two.saw(10))
    source.step.set()
    await asyncio.gather(one.task, two.task)

    assert source.started == 1
    assert one.saw(100)
    assert two.saw(100)
    assert heard[-1] == ModelProgress("m", "download", 100, 100, done=True)
    assert downloads.running() == ()


async def test_download_ends_with_its_last_follower() -> None:
    downloads, source = Downloads(EventBus()), Source()
    one, two = Follower(downloads, source), Follower(downloads, source)
    await eventually(lambda: one.saw(10) and two.saw(10))

    one.task.cancel()
    await eventually(one.task.done)
    assert (source.cancelled, len(downloads.running())) == (0, 1)
    two.task.cancel()
    await eventually(two.task.done)
    assert (source.cancelled, downloads.running()) == (1, ())


async def test_detached_download_continues_without_followers() -> None:
    downloads, source = Downloads(EventBus()), Source()
    one = Follower(downloads, source, detach=True)
    await eventually(lambda: one.saw(10))
    one.task.cancel()
    await eventually(one.task.done)

    assert downloads.running() == (PullProgress("m", "pulling", 10, 100),)
    two = Follower(downloads, source)
    source.step.set()
    await two.task
    assert source.started == 1


async def test_error_reaches_all_followers_and_the_next_try_restarts() -> None:
    downloads, source = Downloads(EventBus()), Source()
    source.error = NoNetwork("Offline.", "Wait.")
    source.step.set()
    one, two = Follower(downloads, source), Follower(downloads, source)
    for follower in (one, two):
        with pytest.raises(NoNetwork):
            await follower.task

    source.error = None
    await Follower(downloads, source).task
    assert source.started == 2


async def test_download_is_cancelled_by_name() -> None:
    downloads, source = Downloads(EventBus()), Source()
    one = Follower(downloads, source)
    await eventually(lambda: one.saw(10))

    await downloads.cancel("m")

    with pytest.raises(DownloadError, match="cancelled"):
        await one.task
    with pytest.raises(NotFound):
        await downloads.cancel("m")


async def test_closing_cancels_all_downloads() -> None:
    downloads, source = Downloads(EventBus()), Source()
    one = Follower(downloads, source, detach=True)
    await eventually(lambda: one.saw(10))
    await downloads.close()
    assert source.cancelled == 1
    with pytest.raises(DownloadError):
        await one.task


async def test_rate_and_remaining_time_are_reported_once_known() -> None:
    heard: list[ModelProgress] = []
    events = EventBus()
    events.subscribe(lambda event: heard.append(event) if isinstance(event, ModelProgress) else None)
    ended = asyncio.Event()

    async def fetch(report: ReportPull) -> None:
        await report(
            PullProgress("m", "resumed", 500_000, 1_000_000)
        )  # bytes that were there before do not count
        await eventually(lambda: bool(seen))  # later reports replace one that was not delivered yet
        for step in range(1, 400):
            await asyncio.sleep(0.02)
            await report(PullProgress("m", "pulling", 500_000 + 1000 * step, 1_000_000))
            if ended.is_set():
                return

    seen: list[PullProgress] = []

    async def report(progress: PullProgress) -> None:
        seen.append(progress)
        if progress.rate and any(each.rate for each in heard):
            ended.set()

    await Downloads(events).follow("m", report, fetch)
    told = next(each for each in seen if each.rate)
    assert 0 < told.rate <= 1000 / 0.02 * 1.5
    assert told.seconds_left == pytest.approx((told.total - told.completed) / told.rate)
    assert seen[0].seconds_left is None


async def test_restarted_source_gets_a_new_rate() -> None:
    async def fetch(report: ReportPull) -> None:
        await report(PullProgress("m", "pulling", 900, 1000))
        await report(PullProgress("m", "pulling", 10, 1000))

    seen: list[PullProgress] = []

    async def report(progress: PullProgress) -> None:
        seen.append(progress)

    await Downloads(EventBus()).follow("m", report, fetch)
    assert all(each.rate >= 0 for each in seen)
