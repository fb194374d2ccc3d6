"""Tests that events outside the gate are recorded on the trail."""

import asyncio
import threading

from server.common.events import EventBus, OffloadEnded, OffloadUndone, PauseChanged, PolicyReloaded
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.trail_recorder import TrailRecorder
from tests.policy.conftest import GateHarness, Run


def test_writes_undos_pauses_and_changes_are_recorded(harness: GateHarness, run: Run) -> None:
    async def story() -> list[tuple[str, str]]:
        async with harness.gate() as gate:
            bus = EventBus()
            recorder = TrailRecorder(gate.trail, bus)
            await recorder.start()
            bus.publish(OffloadEnded("a", "delivered", "Wrote slug.py"))
            bus.publish(OffloadEnded("b", "failed", "no"))
            thread = threading.Thread(target=bus.publish, args=(OffloadUndone("a"),))
            thread.start()
            await asyncio.to_thread(thread.join)
            bus.publish(PauseChanged(paused=True, reason="lunch"))
            bus.publish(PolicyReloaded("policy.yaml", "broken at line 3"))
            await recorder.close()
            bus.publish(OffloadUndone("too late"))
            assert (await gate.trail.verify()).problem == ""
            return [(record.kind, record.verdict) for record in await gate.trail.search()]

    assert sorted(run(story())) == [
        ("offload", "failed"),
        ("pause", "paused"),
        ("policy", "broken"),
        ("undo", ""),
        ("write", "delivered"),
    ]


def test_changed_settings_are_recorded(harness: GateHarness, run: Run) -> None:
    async def start() -> int:
        async with harness.gate() as gate:
            recorder = TrailRecorder(gate.trail, EventBus())
            await recorder.start(harness.folders.config_file, harness.folders.policy_file)
            await recorder.close()
            return len(await gate.trail.search(kind="settings"))

    assert [run(start()), run(start())] == [0, 0]
    harness.folders.config_file.write_text("port = 7000\n")
    assert [run(start()), run(start())] == [1, 1]
    harness.write_policy('version: "1"')
    assert [run(start()), run(start())] == [2, 2]
    harness.folders.config_file.write_text("port = 7001\n")
    assert [run(start()), run(start())] == [3, 3]
    harness.folders.config_file.unlink()
    assert [run(start()), run(start())] == [4, 4]


def test_a_changed_setting_is_recorded_with_its_values_unless_they_are_secret() -> None:
    async def story() -> list[str]:
        settings = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))
        hub = await Hub.start(settings, find_folders())
        try:
            await hub.change_setting("backend", "api_key", "a-secret")
            await hub.change_setting("offload", "repair_rounds", 1)
            while len(rows := await hub.gate.trail.search("was changed", kind="settings")) < 2:
                await asyncio.sleep(0.01)
            assert not await hub.gate.trail.search("a-secret")
            return [row.text for row in rows]
        finally:
            await hub.close()

    assert asyncio.run(story()) == [
        "offload.repair_rounds was changed from 2 to 1 in config.toml.",
        "backend.api_key was changed in config.toml.",
    ]
