"""A hub is a whole value within its block, and what it started ends with it."""

import asyncio
from pathlib import Path

import pytest

from server.common.errors import HubUnreachable, StoreError
from server.common.events import OffloadEnded, OffloadQueued
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub, open_hub

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

SETTINGS = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))


async def test_the_hub_ends_with_its_block_and_can_be_closed_again() -> None:
    before = asyncio.all_tasks()
    async with open_hub(SETTINGS, find_folders(), url="http://127.0.0.1:1") as hub:
        assert hub.snapshot().url == "http://127.0.0.1:1"
        assert (await hub.current_snapshot()).approvals == ()
    await hub.close()
    assert asyncio.all_tasks() == before
    with pytest.raises(RuntimeError, match="after shutdown"):
        await hub.history.totals()


async def test_an_event_reaches_the_snapshot_and_its_listeners() -> None:
    seen: list[list[str]] = []
    async with open_hub(SETTINGS, find_folders()) as hub:
        hub.on_change(lambda: seen.append([each.id for each in hub.snapshot().running]))
        hub.events.publish(OffloadQueued("0000000a", "offload_work", "Write notes.", "test"))
        assert seen == [["0000000a"]]
        hub.pause()
        hub.events.publish(OffloadEnded("0000000a", "cancelled", "Cancelled."))
        assert seen[-1] == []
        assert hub.snapshot().paused_until == 0


async def test_a_hub_that_cannot_start_closes_what_it_opened() -> None:
    folders = find_folders()
    folders.create()
    (folders.state / "trail.head").mkdir()
    folders.database.mkdir(parents=True)
    before = asyncio.all_tasks()
    with pytest.raises(StoreError):
        await Hub.start(SETTINGS, folders)
    assert asyncio.all_tasks() == before


async def test_nothing_is_submitted_to_a_loop_that_is_closed(tmp_path: Path) -> None:
    def elsewhere() -> Hub:
        async def opened() -> Hub:
            async with open_hub(SETTINGS, find_folders()) as hub:
                return hub

        return asyncio.run(opened())

    hub = await asyncio.to_thread(elsewhere)
    with pytest.raises(HubUnreachable):
        hub.submit(hub.current_snapshot())
