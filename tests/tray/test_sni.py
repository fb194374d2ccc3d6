"""The icon on a real session bus, with a panel that uses the real protocols."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tray.panel import PATIENCE, Panel, SessionBus, session_bus
from tray.icon_drawing import TEAL, Face, draw
from tray.sni import Icon
from tray.toolkit import Menu, MenuItem, TrayUnavailable


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionBus]:
    with session_bus(tmp_path) as session:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session.address)
        yield session


@pytest.fixture
def clicks() -> list[str]:
    return []


@pytest.fixture
def menu(clicks: list[str]) -> Any:
    def entry(label: str, **more: Any) -> Any:
        return MenuItem(label, lambda: clicks.append(label), **more)

    return Menu(
        entry("Open", default=True),
        Menu.SEPARATOR,
        MenuItem("Load", Menu(entry("qwen_2.5"), entry("smollm", checked=lambda _: True))),
        entry("Not now", enabled=False),
        entry("Quit"),
    )


def with_panel(bus: SessionBus, icon: Any, scene: Callable[[Panel], Awaitable[None]]) -> None:
    """Run the icon in a thread, and ``scene`` with a panel that shows it."""
    thread = threading.Thread(target=icon.run)
    thread.start()

    async def play() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            await scene(panel)

    try:
        asyncio.run(play())
    finally:
        icon.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_panel_reads_all_properties(bus: SessionBus, menu: Any) -> None:
    icon = Icon("token-saver", draw(Face("loaded")), "Claude Token Saver: qwen loaded", menu)

    async def scene(panel: Panel) -> None:
        properties = await _until_active(panel)
        assert properties["Id"] == "token-saver"
        assert properties["Title"] == "Claude Token Saver: qwen loaded"
        assert properties["ToolTip"][2] == "Claude Token Saver: qwen loaded"
        assert properties["ItemIsMenu"] is False
        sizes = [(width, height) for width, height, _ in properties["IconPixmap"]]
        assert {(16, 16), (22, 22), (24, 24), (32, 32), (48, 48)} <= set(sizes)
        for width, height, pixels in properties["IconPixmap"]:
            assert len(pixels) == 4 * width * height
            # ARGB: the corner is transparent, the upper middle is of the state's colour.
            assert pixels[0] == 0
            middle = 4 * (width * int(height * 0.15) + width // 2)
            assert pixels[middle] > 240
            assert tuple(pixels[middle + 1 : middle + 4]) == pytest.approx(TEAL, abs=16)

    with_panel(bus, icon, scene)


def test_the_menu_has_labels_states_and_ids_that_click(bus: SessionBus, menu: Any, clicks: list[str]) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        entries = await panel.menu()
        assert [entry.label for entry in entries] == ["Open", "", "Load", "Not now", "Quit"]
        assert entries[1].separator
        assert [(child.label, child.checked) for child in entries[2].children] == [
            ("qwen_2.5", None),
            ("smollm", True),
        ]
        assert not entries[3].enabled
        await panel.click("Load", "qwen_2.5")
        await panel.click("Not now")
        await panel.click("Quit")
        await panel.activate()
        assert clicks == ["qwen_2.5", "Quit", "Open"]

    with_panel(bus, icon, scene)


def test_the_rest_of_the_menu_protocol(bus: SessionBus, menu: Any, clicks: list[str]) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        quit_entry = await panel.find("Quit")
        groups = (await panel.call("GetGroupProperties", "aias", [quit_entry.id, 999], []))[0]
        assert [(entry, values["label"].value) for entry, values in groups] == [(quit_entry.id, "Quit")]
        label = (await panel.call("GetProperty", "is", quit_entry.id, "label"))[0]
        assert label.value == "Quit"
        events = [[quit_entry.id, "clicked", label, 0], [999, "clicked", label, 0]]
        assert (await panel.call("EventGroup", "a(isvu)", events))[0] == [999]
        assert await panel.call("AboutToShowGroup", "ai", [0, 999]) == [[], [999]]
        layout = (await panel.call("GetLayout", "iias", 0, 0, []))[1]
        assert layout[2] == []
        assert clicks == ["Quit"]

    with_panel(bus, icon, scene)


def test_only_actual_changes_are_signalled(bus: SessionBus, menu: Any) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        await panel.find("Quit")
        await _until_active(panel)
        # Every signal sent before that answer has arrived.
        while not panel.signals.empty():
            panel.signals.get_nowait()
        icon.icon = draw(Face("idle"))
        icon.title = "title"
        icon.update_menu()
        icon.icon = draw(Face("error"))
        icon.title = "broken"
        icon.menu = Menu(MenuItem("Quit", None))
        seen = []
        async with asyncio.timeout(PATIENCE):
            while len(seen) < 4:
                seen.append(await panel.signals.get())
        assert sorted(seen) == ["LayoutUpdated", "NewIcon", "NewTitle", "NewToolTip"]
        assert (await panel.properties())["Title"] == "broken"
        icon.visible = False
        async with asyncio.timeout(PATIENCE):
            assert await panel.signals.get() == "NewStatus"
        assert (await panel.properties())["Status"] == "Passive"

    with_panel(bus, icon, scene)


def test_a_click_during_a_change_never_hits_another_entry(
    bus: SessionBus, menu: Any, clicks: list[str]
) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        old = await panel.find("Quit")
        stays = await panel.find("Open")
        icon.menu = Menu(
            MenuItem("Delete all", lambda: clicks.append("wrong")),
            MenuItem("Open", lambda: clicks.append("Open")),
        )
        await panel.until_label("Delete all")
        data = (await panel.call("GetProperty", "is", stays.id, "label"))[0]
        unknown = await panel.call(
            "EventGroup", "a(isvu)", [[old.id, "clicked", data, 0], [stays.id, "clicked", data, 0]]
        )
        assert unknown[0] == [old.id]
        assert clicks == ["Open"]

    with_panel(bus, icon, scene)


def test_a_failing_entry_does_not_stop_the_icon(bus: SessionBus) -> None:
    def fail() -> None:
        raise RuntimeError("broken entry")

    icon = Icon("token-saver", draw(Face("idle")), "title", Menu(MenuItem("Fail", fail)))

    async def scene(panel: Panel) -> None:
        await panel.click("Fail")
        assert await panel.labels() == ["Fail"]

    with_panel(bus, icon, scene)


def test_notices_reach_the_desktop_and_open_the_default_entry(
    bus: SessionBus, menu: Any, clicks: list[str]
) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        icon.notify("qwen was downloaded.", "Model ready")
        async with asyncio.timeout(PATIENCE):
            assert await panel.notifications.notices.get() == ("Model ready", "qwen was downloaded.")
        panel.notifications.action_invoked(99, "default")
        await asyncio.sleep(0.1)
        assert clicks == []
        async with asyncio.timeout(PATIENCE):
            while not clicks:
                panel.notifications.action_invoked(7, "default")
                await asyncio.sleep(0.05)
        assert clicks[0] == "Open"

    with_panel(bus, icon, scene)


def test_a_click_right_after_the_notices_id_counts(bus: SessionBus, menu: Any) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)
    choices: list[tuple[str, str]] = []

    def note(topic: str, choice: str) -> None:
        choices.append((topic, choice))

    async def scene(panel: Panel) -> None:
        panel.notifications.clicked_at_once = "deny"
        for number in range(20):
            icon.ask("May it?", "Approval needed", f"call {number}", (("deny", "Deny"),), note)
            async with asyncio.timeout(PATIENCE):
                while len(choices) <= number:
                    await asyncio.sleep(0.01)
        assert choices == [(f"call {number}", "deny") for number in range(20)]

    with_panel(bus, icon, scene)


@pytest.mark.parametrize("markup", [True, False], ids=["markup", "plain"])
def test_a_notices_text_is_never_markup(bus: SessionBus, menu: Any, markup: bool) -> None:
    icon = Icon("token-saver", draw(Face("idle")), "title", menu)

    async def scene(panel: Panel) -> None:
        if markup:
            panel.notifications.capabilities.append("body-markup")
        icon.notify("<b>System</b> wants a & b.", "Approval needed")
        async with asyncio.timeout(PATIENCE):
            _, text = await panel.notifications.notices.get()
        escaped = "&lt;b&gt;System&lt;/b&gt; wants a &amp; b."
        assert text == (escaped if markup else "<b>System</b> wants a & b.")

    with_panel(bus, icon, scene)


def test_a_panel_that_starts_later_or_again_gets_the_icon(bus: SessionBus, menu: Any) -> None:
    hosted: list[bool] = []
    icon = Icon("token-saver", draw(Face("idle")), "title", menu, on_host=hosted.append)
    thread = threading.Thread(target=icon.run)
    thread.start()

    async def panel_comes_and_goes() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            assert "Quit" in await panel.labels()

    try:
        asyncio.run(_until(lambda: hosted == [False]))
        asyncio.run(panel_comes_and_goes())
        asyncio.run(_until(lambda: hosted == [False, True, False]))
        asyncio.run(panel_comes_and_goes())
        asyncio.run(_until(lambda: hosted == [False, True, False, True, False]))
    finally:
        icon.stop()
        thread.join(PATIENCE)
    assert not thread.is_alive()


async def _until_active(panel: Panel) -> dict[str, Any]:
    """Wait until the icon is shown and return its properties."""
    async with asyncio.timeout(PATIENCE):
        while (properties := await panel.properties())["Status"] != "Active":
            await asyncio.sleep(0.01)
    return properties


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_missing_session_bus_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, menu: Any
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(TrayUnavailable, match="no session bus") as caught:
        Icon("token-saver", draw(Face("idle")), "title", menu).run()
    assert "\n" not in str(caught.value)


def test_an_unresponsive_bus_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, menu: Any) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'gone'}")
    with pytest.raises(TrayUnavailable, match="gone does not answer"):
        Icon("token-saver", draw(Face("idle")), "title", menu).run()


def test_the_end_of_the_session_ends_the_icon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, menu: Any
) -> None:
    hosted = threading.Event()
    icon = Icon("token-saver", draw(Face("idle")), "title", menu, on_host=lambda _: hosted.set())
    failed: list[str] = []

    def run() -> None:
        try:
            icon.run()
        except TrayUnavailable as error:
            failed.append(str(error))

    thread = threading.Thread(target=run)
    with session_bus(tmp_path) as session:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session.address)
        thread.start()
        assert hosted.wait(PATIENCE)
    thread.join(PATIENCE)
    assert failed == ["the session bus ended"]


def test_importing_the_tray_needs_no_display() -> None:
    code = "import os, tray.toolkit, tray.sni; assert 'PYSTRAY_BACKEND' not in os.environ"
    subprocess.run([sys.executable, "-P", "-c", code], check=True, env={"PATH": ""})
