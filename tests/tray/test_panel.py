"""The icon in a real panel, with a real mouse: what counts are pixels."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from Xlib import XK

from tests.tray.desktop import Desktop, desktop
from tests.tray.panel import PATIENCE
from tray.host import missing_host
from tray.icon import RED, TEAL, Face, draw
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


def wait_for(clicks: list[str], expected: list[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while clicks != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert clicks == expected


def test_seen_clicked_and_followed_through_the_panels_end(scene: Desktop) -> None:
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

        before = scene.screen()
        scene.click(x, y, button=3)
        box = scene.opened(before)
        assert box[2] - box[0] > 60
        scene.press(XK.XK_Down, XK.XK_Down, XK.XK_Right)
        scene.settle()
        scene.keep("menu")
        scene.press(XK.XK_Return)
        wait_for(clicks, ["open", "load"])

        icon.icon = draw(Face("error"))
        scene.wait_for(RED)
        assert scene.find(TEAL) is None

        scene.kill_panel()
        scene.start_panel()
        scene.wait_for(RED)


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
