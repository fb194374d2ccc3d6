"""Yielding: a pause while another program holds the GPU's memory, and the resumption after it."""

import os
import subprocess
import sys

import pytest

from server.common.errors import Paused
from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import BackendSettings, YieldingSettings
from server.config.settings import Settings
from server.engine.engine import Engine
from server.gpu.hardware import Gpu, GpuProcess
from server.gpu.yielding import (
    CONFIRMATIONS,
    OtherUsage,
    YieldMonitor,
    explain_yielding,
    find_listener,
    other_usage,
    own_processes,
)
from server.hub import Hub
from tests.standins.ollama import CODER, OllamaStandIn

GIB = 2**30
OURS, GAME, DESKTOP = (
    GpuProcess(10, "ollama", 3 * GIB),
    GpuProcess(20, "game.exe", 5 * GIB),
    GpuProcess(30, "kwin", 0),
)
UNREPORTED = GpuProcess(20, "game.exe", None)


def _card(free: int, *processes: GpuProcess, unified: bool = False, total: int = 12) -> Gpu:
    return Gpu("card", "nvidia", total * GIB, free * GIB, unified=unified, processes=processes)


@pytest.mark.parametrize(
    ("gpus", "held", "reported", "expected"),
    [
        ([_card(4, OURS, GAME, DESKTOP)], 0, False, OtherUsage(5 * GIB, 12 * GIB, "game.exe")),
        ([_card(4, UNREPORTED)], 3 * GIB, True, OtherUsage(5 * GIB, 12 * GIB)),
        ([_card(4, UNREPORTED)], 0, False, None),
        ([_card(4), _card(12)], 3 * GIB, True, OtherUsage(5 * GIB, 24 * GIB)),
        ([_card(4)], 9 * GIB, True, OtherUsage(0, 12 * GIB)),
        ([_card(1, GAME, unified=True)], 0, True, None),
        ([Gpu("card", "intel", 12 * GIB, None)], 0, True, None),
        ([], 0, True, None),
    ],
    ids=["by process", "withheld", "unknown", "two cards", "all ours", "unified", "used unknown", "no GPU"],
)
def test_memory_of_other_programs(
    gpus: list[Gpu], held: int, reported: bool, expected: OtherUsage | None
) -> None:
    assert other_usage(gpus, {OURS.pid}, held, reported=reported) == expected


def test_engine_of_another_user_does_not_count_as_another_program() -> None:
    """Ollama as a system service: its process cannot be identified, but it reports what its models hold."""
    card = _card(4, OURS, GAME, DESKTOP)
    assert other_usage([card], (), 3 * GIB, reported=True, known=False) == OtherUsage(5 * GIB, 12 * GIB)
    assert other_usage([card], (), 0, reported=False, known=False) is None


def test_pause_starts_at_the_limit_and_ends_well_below_it() -> None:
    assert explain_yielding(OtherUsage(6 * GIB, 12 * GIB, "game.exe"), 0.5, giving_way=False) == (
        "game.exe uses 6.4 of the GPU's 12.9 GB"
    )
    assert not explain_yielding(OtherUsage(5 * GIB, 12 * GIB), 0.5, giving_way=False)
    assert explain_yielding(OtherUsage(5 * GIB, 12 * GIB), 0.5, giving_way=True).startswith(
        "another program uses 5.4"
    )
    assert not explain_yielding(OtherUsage(4 * GIB, 12 * GIB), 0.5, giving_way=True)


def test_process_at_the_engines_address_counts_as_own(ollama_standin: OllamaStandIn) -> None:
    assert os.getpid() in own_processes(find_listener(""))
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[5].decode()
        try:
            assert find_listener(f"http://127.0.0.1:{port}") == server.pid
            assert own_processes(server.pid) >= {os.getpid(), server.pid}
            assert find_listener("http://127.0.0.1:1") is None
        finally:
            server.kill()


class _Calls:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def give_way(self, reason: str) -> None:
        self.calls.append(reason)

    def go_on(self) -> None:
        self.calls.append("")


@pytest.mark.anyio
async def test_pause_needs_confirmation_and_is_announced_once(ollama_standin: OllamaStandIn) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    engine = Engine(settings, find_folders(), EventBus())
    calls = _Calls()
    monitor = YieldMonitor(YieldingSettings(), engine, calls.give_way, calls.go_on)
    for found in ("busy", "", *["busy"] * (CONFIRMATIONS - 1), ""):
        await monitor.observe(found)
    assert calls.calls == []
    for found in [*["busy"] * (CONFIRMATIONS + 3), "", "busy", *[""] * (CONFIRMATIONS + 3)]:
        await monitor.observe(found)
    assert calls.calls == ["busy", ""]


@pytest.mark.anyio
async def test_hub_pauses_with_the_reason_unloads_and_resumes(ollama_standin: OllamaStandIn) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    hub = await Hub.start(settings, find_folders())
    try:
        monitor = YieldMonitor(YieldingSettings(), hub.engine, hub.give_way, hub.go_on)

        async def poll(reason: str) -> None:
            for _ in range(CONFIRMATIONS):
                await monitor.observe(reason)

        await hub.engine.load(CODER)
        await poll("game.exe uses 5.4 of the GPU's 12.9 GB")
        snapshot = hub.snapshot()
        assert snapshot.state == "paused"
        assert snapshot.giving_way == "game.exe uses 5.4 of the GPU's 12.9 GB. Work resumes automatically."
        assert ollama_standin.loaded == {}
        with pytest.raises(Paused, match=r"is paused for another program: game\.exe uses 5\.4 of"):
            hub.check_paused()
        await poll("")
        hub.check_paused()
        assert hub.snapshot().state != "paused"
        assert hub.snapshot().giving_way == ""

        await poll("game.exe uses 5.4 of the GPU's 12.9 GB")
        hub.resume()
        await poll("game.exe uses 5.4 of the GPU's 12.9 GB")
        hub.check_paused()  # the user resumed: no second pause for the same reason
        await poll("")
        hub.pause()
        await poll("game.exe uses 5.4 of the GPU's 12.9 GB")
        await poll("")
        with pytest.raises(Paused, match="The user paused"):
            hub.check_paused()  # the user's own pause stays
    finally:
        await hub.close()


@pytest.mark.anyio
async def test_models_stay_loaded_if_the_setting_says_so(ollama_standin: OllamaStandIn) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    engine = Engine(settings, find_folders(), EventBus())
    calls = _Calls()
    monitor = YieldMonitor(YieldingSettings(yield_unload=False), engine, calls.give_way, calls.go_on)
    try:
        await engine.load(CODER)
        for _ in range(CONFIRMATIONS):
            await monitor.observe("busy")
        assert list(ollama_standin.loaded) == [CODER]
    finally:
        await engine.close()
