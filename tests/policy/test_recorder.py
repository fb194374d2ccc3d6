"""What happens outside the gate is on the trail too."""

import asyncio
import threading

from server.events import EventBus, OffloadEnded, OffloadUndone, PauseChanged, PolicyReloaded
from server.policy.recorder import Recorder
from tests.policy.conftest import House, Run


def test_writes_undos_pauses_and_changes_are_recorded(house: House, run: Run) -> None:
    async def story() -> list[tuple[str, str]]:
        async with house.gate() as gate:
            bus = EventBus()
            recorder = Recorder(gate.trail, bus)
            await recorder.start()
            bus.publish(OffloadEnded("a", "delivered", "Wrote slug.py", 100))
            bus.publish(OffloadEnded("b", "failed", "no", 0))
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


def test_settings_are_recorded_when_they_changed(house: House, run: Run) -> None:
    async def start() -> int:
        async with house.gate() as gate:
            recorder = Recorder(gate.trail, EventBus())
            await recorder.start(house.folders.config_file, house.folders.policy_file)
            await recorder.close()
            return len(await gate.trail.search(kind="settings"))

    assert [run(start()), run(start())] == [0, 0]
    house.folders.config_file.write_text("port = 7000\n")
    assert [run(start()), run(start())] == [1, 1]
    house.write_policy('version: "1"')
    assert [run(start()), run(start())] == [2, 2]
    house.folders.config_file.write_text("port = 7001\n")
    assert [run(start()), run(start())] == [3, 3]
    house.folders.config_file.unlink()
    assert [run(start()), run(start())] == [4, 4]
