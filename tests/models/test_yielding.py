"""Giving way: to a program that takes the GPU's memory, to a full-screen game; and going on by itself."""

import os
import plistlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.common.errors import Paused
from server.config.folders import find_folders
from server.config.settings import BackendSettings, MannersSettings, Settings
from server.hub import Hub
from server.models.games import category_of_bundle, running_game
from server.models.hardware import Gpu, GpuProcess
from server.models.yielding import LOOKS, Others, Yielding, listener, others_on, own_processes, why_yield
from tests.standins.ollama import CODER, OllamaStandIn
from tests.system import require

GIB = 2**30
OURS, GAME, DESKTOP = (
    GpuProcess(10, "ollama", 3 * GIB),
    GpuProcess(20, "game.exe", 5 * GIB),
    GpuProcess(30, "kwin", 0),
)
SECRETIVE = GpuProcess(20, "game.exe", None)


def _card(free: int, *processes: GpuProcess, unified: bool = False, total: int = 12) -> Gpu:
    return Gpu("card", "nvidia", total * GIB, free * GIB, unified=unified, processes=processes)


@pytest.mark.parametrize(
    ("gpus", "held", "told", "expected"),
    [
        ([_card(4, OURS, GAME, DESKTOP)], 0, False, Others(5 * GIB, 12 * GIB, "game.exe")),
        ([_card(4, SECRETIVE)], 3 * GIB, True, Others(5 * GIB, 12 * GIB)),
        ([_card(4, SECRETIVE)], 0, False, None),
        ([_card(4), _card(12)], 3 * GIB, True, Others(5 * GIB, 24 * GIB)),
        ([_card(4)], 9 * GIB, True, Others(0, 12 * GIB)),
        ([_card(1, GAME, unified=True)], 0, True, None),
        ([Gpu("card", "intel", 12 * GIB, None)], 0, True, None),
        ([], 0, True, None),
    ],
    ids=["by process", "withheld", "unknown", "two cards", "all ours", "unified", "used unknown", "no GPU"],
)
def test_what_others_hold(gpus: list[Gpu], held: int, told: bool, expected: Others | None) -> None:
    assert others_on(gpus, {OURS.pid}, held, told=told) == expected


def test_an_engine_of_another_user_is_no_stranger() -> None:
    """Ollama as a system service: which process is its own cannot be found, but it tells what it holds."""
    card = _card(4, OURS, GAME, DESKTOP)
    assert others_on([card], (), 3 * GIB, told=True, known=False) == Others(5 * GIB, 12 * GIB)
    assert others_on([card], (), 0, told=False, known=False) is None


def test_it_gives_way_at_the_limit_and_goes_on_well_below_it() -> None:
    assert why_yield(Others(6 * GIB, 12 * GIB, "game.exe"), 0.5, giving_way=False) == (
        "game.exe has 6.0 of the GPU's 12.0 GiB"
    )
    assert not why_yield(Others(5 * GIB, 12 * GIB), 0.5, giving_way=False)
    assert why_yield(Others(5 * GIB, 12 * GIB), 0.5, giving_way=True).startswith("another program has 5.0")
    assert not why_yield(Others(4 * GIB, 12 * GIB), 0.5, giving_way=True)


def test_the_process_at_the_engines_address_is_ours(ollama_standin: OllamaStandIn) -> None:
    assert os.getpid() in own_processes(listener(""))
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[5].decode()
        try:
            assert listener(f"http://127.0.0.1:{port}") == server.pid
            assert own_processes(server.pid) >= {os.getpid(), server.pid}
            assert listener("http://127.0.0.1:1") is None
        finally:
            server.kill()


class _Told:
    def __init__(self) -> None:
        self.said: list[str] = []

    def give_way(self, reason: str) -> None:
        self.said.append(reason)

    def go_on(self) -> None:
        self.said.append("")


@pytest.mark.anyio
async def test_a_moment_is_not_enough_and_nothing_is_said_twice(ollama_standin: OllamaStandIn) -> None:
    hub = Hub(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), find_folders())
    told = _Told()
    yielding = Yielding(MannersSettings(), hub.engine, told.give_way, told.go_on)
    for found in ("busy", "", *["busy"] * (LOOKS - 1), ""):
        await yielding.note(found)
    assert told.said == []
    for found in [*["busy"] * (LOOKS + 3), "", "busy", *[""] * (LOOKS + 3)]:
        await yielding.note(found)
    assert told.said == ["busy", ""]


@pytest.mark.anyio
async def test_the_hub_gives_way_says_so_frees_the_memory_and_goes_on(ollama_standin: OllamaStandIn) -> None:
    hub = Hub(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), find_folders())
    await hub.start()
    try:
        yielding = Yielding(MannersSettings(), hub.engine, hub.give_way, hub.go_on)

        async def look(found: str) -> None:
            for _ in range(LOOKS):
                await yielding.note(found)

        await hub.engine.load(CODER)
        await look("game.exe runs full-screen")
        snapshot = hub.snapshot()
        assert snapshot.state == "paused"
        assert snapshot.giving_way == "game.exe runs full-screen. It goes on by itself."
        assert ollama_standin.loaded == {}
        with pytest.raises(Paused, match=r"gives way for now: game\.exe runs full-screen"):
            hub.check_paused()
        await look("")
        hub.check_paused()
        assert hub.snapshot().state != "paused"
        assert hub.snapshot().giving_way == ""

        await look("game.exe runs full-screen")
        hub.resume()
        await look("game.exe runs full-screen")
        hub.check_paused()  # who resumes is not overruled
        await look("")
        hub.pause()
        await look("game.exe runs full-screen")
        await look("")
        with pytest.raises(Paused, match="The user paused"):
            hub.check_paused()  # nor is who paused
    finally:
        await hub.close()


@pytest.mark.anyio
async def test_the_memory_is_kept_where_the_user_wants_it_so(ollama_standin: OllamaStandIn) -> None:
    hub = Hub(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url)), find_folders())
    told = _Told()
    yielding = Yielding(MannersSettings(yield_unload=False), hub.engine, told.give_way, told.go_on)
    try:
        await hub.engine.load(CODER)
        for _ in range(LOOKS):
            await yielding.note("busy")
        assert list(ollama_standin.loaded) == [CODER]
    finally:
        await hub.engine.close()


def test_a_mac_bundle_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "Contents").mkdir()
    assert category_of_bundle(tmp_path) == ""
    plist = tmp_path / "Contents" / "Info.plist"
    plist.write_bytes(plistlib.dumps({"LSApplicationCategoryType": "public.app-category.games"}))
    assert category_of_bundle(tmp_path) == "public.app-category.games"
    plist.write_bytes(b"nonsense")
    assert category_of_bundle(tmp_path) == ""


_WINDOW = """
import os, sys
from Xlib import X, Xatom, display
screen = display.Display()
root = screen.screen().root
window = root.create_window(0, 0, 64, 64, 0, X.CopyFromParent)
atom = screen.intern_atom
window.change_property(atom("_NET_WM_PID"), Xatom.CARDINAL, 32, [os.getpid()])
if sys.argv[1] == "full":
    window.change_property(atom("_NET_WM_STATE"), Xatom.ATOM, 32, [atom("_NET_WM_STATE_FULLSCREEN")])
root.change_property(atom("_NET_ACTIVE_WINDOW"), Xatom.WINDOW, 32, [window.id])
screen.sync()
print(os.getpid(), flush=True)
sys.stdin.read()
"""
_LAUNCH = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


@pytest.fixture
def x11(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    require("Xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "320x240x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as displays:
        monkeypatch.setenv("DISPLAY", f":{displays.readline().strip()}")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    yield
    server.terminate()
    server.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="X11 is asked on Linux alone")
@pytest.mark.parametrize(
    ("launcher", "state", "game"), [("steam", "full", True), ("steam", "", False), ("editor", "full", False)]
)
def test_a_full_screen_window_of_a_launcher_is_a_game(
    x11: None, tmp_path: Path, launcher: str, state: str, game: bool
) -> None:
    """The window manager's part, which sets the properties, is played by the window's own process."""
    assert running_game() == ""
    program = tmp_path / launcher
    program.symlink_to(sys.executable)
    libraries = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [program, "-c", _LAUNCH, sys.executable, "-c", _WINDOW, state],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **libraries},
    ) as launched:
        assert launched.stdout is not None
        pid = int(launched.stdout.readline())
        try:
            assert bool(running_game()) is game
            assert bool(running_game({pid})) is (state == "full")  # one that holds GPU memory
        finally:
            launched.communicate(timeout=60)
