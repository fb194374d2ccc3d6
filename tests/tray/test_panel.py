"""The icon in a real panel with a real mouse, checked by pixels."""

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from Xlib import XK

from server.bridge.discovery import read_token
from server.commands.hub_client import HubClient
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn
from tests.tray.app import running_app
from tests.tray.desktop import Desktop, desktop
from tests.tray.panel import PATIENCE
from tray.host import missing_host
from tray.icon_drawing import AMBER, BLUE, GREY, RED, TEAL, Face, draw
from tray.sni import Icon
from tray.toolkit import Menu, MenuItem


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with desktop(tmp_path) as shown:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", shown.bus.address)
        monkeypatch.setenv("DISPLAY", shown.bus.environment["DISPLAY"])
        monkeypatch.setenv("XAUTHORITY", str(tmp_path / "none"))
        yield shown


@contextmanager
def running(icon: Any) -> Iterator[None]:
    thread = threading.Thread(target=icon.run)
    thread.start()
    try:
        yield
    finally:
        icon.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(clicks: list[str], expected: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while clicks != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert clicks == expected


def test_the_icon_is_seen_clicked_and_returns_after_a_crash_of_the_panel(scene: Desktop) -> None:
    clicks: list[str] = []
    load = Menu(MenuItem("qwen", lambda: clicks.append("load")))
    menu = Menu(
        MenuItem("Open dashboard", lambda: clicks.append("open"), default=True),
        MenuItem("Load", load),
        MenuItem("Quit", lambda: clicks.append("quit")),
    )
    assert missing_host() == ""
    icon = Icon("token-saver", draw(Face("loaded")), "Claude Token Saver", menu)
    with running(icon):
        left, top, right, bottom = scene.wait_for(TEAL)
        x, y = (left + right) // 2, (top + bottom) // 2

        scene.click(x, y)
        wait_for(clicks, ["open"])

        scene.menu(x, y, XK.XK_Down, XK.XK_Down, XK.XK_Right)
        wait_for(clicks, ["open", "load"])

        icon.icon = draw(Face("error"))
        scene.wait_for(RED)
        assert scene.find(TEAL) is None

        scene.kill_panel()
        scene.start_panel()
        scene.wait_for(RED)


def test_the_app_loads_unloads_and_pauses_by_the_mouse(
    scene: Desktop, tmp_path: Path, ollama_standin: OllamaStandIn
) -> None:
    disc = 230  # pixels of a paused icon's disc; an idle icon's ring has fewer of the same grey
    with running_app(tmp_path / "app", scene.bus, ollama_standin.url) as app:
        left, top, right, bottom = scene.wait_for(GREY)
        x, y = (left + right) // 2, (top + bottom) // 2
        # "Load" is grey until the app knows the models.
        hub = HubClient(app.info, read_token(str(app.home)))
        scene.until(lambda: hub.get("/api/status")["engine"]["installed"], "the engine's models")
        assert 60 < scene.amount(GREY) < disc

        # The keyboard skips grey entries: the first one that it reaches is "Open dashboard".
        scene.menu(x, y, XK.XK_Down, XK.XK_Down, XK.XK_Right)
        scene.wait_for(TEAL)
        assert CODER in ollama_standin.loaded

        scene.menu(x, y, XK.XK_Down, XK.XK_Down, XK.XK_Down)
        scene.wait_for(GREY)
        assert not ollama_standin.loaded
        assert scene.amount(GREY) < disc

        scene.menu(x, y, XK.XK_Down, XK.XK_Down, XK.XK_Down, XK.XK_Right)
        scene.until(lambda: scene.amount(GREY) > disc, "the paused icon")
        scene.keep("paused")


POLICY = """
version: "1"
default: allow
tools:
  offload_work:
    rules: [{name: "ask first", action: require_approval, on_deny: "The user wants to be asked"}]
"""


def test_the_apps_icon_shows_approval_work_and_error_across_a_crash_of_the_panel(
    scene: Desktop, tmp_path: Path, ollama_standin: OllamaStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, project = tmp_path / "app", tmp_path / "project"
    for folder in (home, project):
        folder.mkdir()
    (home / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(project)
    ollama_standin.answers.default = Answer("def f():\n    return 1\n", held=threading.Event())
    arguments = {"task": "Write f.", "output": "f.py"}
    with (
        running_app(home, scene.bus, ollama_standin.url) as app,
        ThreadPoolExecutor() as pool,
    ):
        scene.wait_for(GREY)
        client = HubClient(app.info, read_token(str(home)))
        call = pool.submit(client.call_tool, "offload_work", arguments, lambda _: None)
        scene.wait_for(AMBER)
        scene.keep("attention")
        scene.kill_panel()
        scene.start_panel()
        left, top, right, bottom = scene.wait_for(AMBER)

        # "Approve …" comes first. The keyboard skips the grey lines of its menu up to "Approve once".
        scene.menu((left + right) // 2, (top + bottom) // 2, XK.XK_Down, XK.XK_Right)
        scene.wait_for(BLUE)
        scene.keep("working")
        ollama_standin.stop()
        scene.wait_for(RED)
        assert call.result(PATIENCE).failed
        scene.keep("error")


def test_an_old_x11_tray_gets_a_picture_that_opens_the_dashboard(scene: Desktop) -> None:
    from tray.xembed import Icon as X11Icon

    clicks: list[str] = []
    menu = Menu(MenuItem("Open dashboard", lambda: clicks.append("open"), default=True))
    icon = X11Icon(
        "token-saver", draw(Face("loaded")), "title", menu, on_host=lambda _: None, on_open=lambda: None
    )
    with running(icon):
        left, top, right, bottom = scene.wait_for(TEAL)
        scene.click((left + right) // 2, (top + bottom) // 2)
        wait_for(clicks, ["open"])


def test_the_display_may_close_before_the_icon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desktop(tmp_path) as shown:
        monkeypatch.setenv("DISPLAY", shown.bus.environment["DISPLAY"])
        from tray.xembed import Icon as X11Icon

        icon = X11Icon(
            "token-saver", draw(Face("idle")), "title", on_host=lambda _: None, on_open=lambda: None
        )
    # An error in a finalizer would fail the test, because warnings are errors here.
    del icon
    gc.collect()
