"""The whole app on a session bus without a display, used through its icon and menu."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from server.bridge.discovery import read_token
from server.commands.hub_client import HubClient, ToolAnswer
from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import visit
from tests.hub_process import HubProcess
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn, StandInModel
from tests.system import require
from tests.tray.app import App, running_app
from tests.tray.panel import PATIENCE, Panel, SessionBus, session_bus
from tray.icon_drawing import AMBER, BLUE, GREY, RED, TEAL


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[SessionBus]:
    with session_bus(tmp_path / "user") as session:
        yield session


@pytest.fixture
def app(tmp_path: Path, bus: SessionBus, ollama_standin: OllamaStandIn) -> Iterator[App]:
    ollama_standin.models["smollm2:135m"] = StandInModel(size=145_000_000)
    with running_app(tmp_path / "home", bus, ollama_standin.url) as running:
        yield running


async def colour(panel: Panel) -> tuple[int, ...]:
    """Return the current colour at the upper edge of the icon."""
    width, _, pixels = max((await panel.properties())["IconPixmap"])
    start = 4 * (width * 4 + width // 2)
    return tuple(pixels[start + 1 : start + 4])


async def until_colour(panel: Panel, wanted: tuple[int, int, int]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await colour(panel) != pytest.approx(wanted, abs=24):
            await asyncio.sleep(0.05)


@contextlib.contextmanager
def ended_on_error(app: App) -> Iterator[None]:
    """End the app if the block fails: a call that waits for an approval would keep its thread waiting."""
    try:
        yield
    except BaseException:
        app.process.kill()
        raise


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def test_a_click_loads_a_model_and_another_unloads_it(
    app: App, bus: SessionBus, ollama_standin: OllamaStandIn
) -> None:
    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            await panel.until_entry("Load", CODER)
            await until_colour(panel, GREY)
            assert "No model loaded" in await panel.labels()
            models = (await panel.find("Load")).children
            assert [model.label.split(" ")[0] for model in models] == sorted([CODER, "smollm2:135m"])

            await panel.click("Load", CODER)
            await until(lambda: CODER in ollama_standin.loaded)
            await panel.until_label(f"Unload {CODER}")
            await until_colour(panel, TEAL)
            assert (await panel.labels())[0].startswith(CODER)
            assert (await panel.find("Load", CODER)).checked
            assert CODER in (await panel.properties())["Title"]

            await panel.click(f"Unload {CODER}")
            await until(lambda: not ollama_standin.loaded)
            await panel.until_label("No model loaded")
            await until_colour(panel, GREY)

    asyncio.run(scene())


def test_pause_and_resume(app: App, bus: SessionBus) -> None:
    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            await panel.click("Pause offloading", "1 hour")
            await panel.until_label("Resume offloading (paused until ")
            assert "paused" in (await panel.properties())["Title"]
            await panel.click("Resume offloading")
            await panel.until_label("Pause offloading")

    asyncio.run(scene())


def test_start_at_login_is_switched(app: App, bus: SessionBus) -> None:
    entry = Path(bus.environment["XDG_CONFIG_HOME"]) / "autostart" / "token-saver.desktop"

    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            assert (await panel.find("Start at login")).checked is False
            await panel.click("Start at login")
            await until(entry.exists)
            async with asyncio.timeout(PATIENCE):
                while not (await panel.find("Start at login")).checked:
                    await asyncio.sleep(0.05)
            await panel.click("Start at login")
            await until(lambda: not entry.exists())

    asyncio.run(scene())


def test_start_at_login_follows_a_change_on_the_dashboard(app: App, bus: SessionBus) -> None:
    require("chromium")

    def turn_on() -> None:
        hub = HubProcess(app.process, app.home, {}, app.info)
        with sync_playwright() as playwright, launch(playwright) as browser, visit(browser, hub) as (page, _):
            page.goto(f"{app.info.url}/settings")
            page.get_by_role("switch", name="Start at login").click()
            page.locator(".ts-notice", has_text="will start at login").wait_for()

    async def ticked(panel: Panel) -> bool | None:
        # Without opening the menu, because opening updates it anyway.
        entries = await panel.menu(opened=False)
        return next(each.checked for each in entries if each.label == "Start at login")

    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            assert not await ticked(panel)
            await asyncio.to_thread(turn_on)
            async with asyncio.timeout(PATIENCE):
                while not await ticked(panel):
                    await asyncio.sleep(0.05)

    asyncio.run(scene())


def test_quit_ends_the_process(app: App, bus: SessionBus) -> None:
    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            await panel.click("Quit")

    asyncio.run(scene())
    assert app.process.wait(PATIENCE) == 0


def test_sigterm_ends_the_process_and_its_icon(app: App, bus: SessionBus) -> None:
    async def scene() -> None:
        async with Panel(bus.address) as panel:
            await panel.icon()
            app.process.terminate()
            await until(lambda: app.process.poll() is not None)

    asyncio.run(scene())
    assert app.process.returncode == 0


def test_a_lost_engine_changes_the_icon_and_sends_a_notice(tmp_path: Path, bus: SessionBus) -> None:
    with OllamaStandIn() as ollama, running_app(tmp_path / "home", bus, ollama.url) as app:

        async def scene() -> None:
            async with Panel(bus.address) as panel:
                await panel.icon()
                await panel.until_entry("Load", CODER)
                await panel.click("Load", CODER)
                await until_colour(panel, TEAL)
                await asyncio.to_thread(ollama.stop)
                await until_colour(panel, RED)
                async with asyncio.timeout(PATIENCE):
                    title, _ = await panel.notifications.notices.get()
                assert title == "Engine not responding"

        asyncio.run(scene())
        assert app.process.poll() is None


def test_a_missing_panel_is_reported_once_and_a_later_panel_gets_the_icon(app: App, bus: SessionBus) -> None:
    async def scene() -> None:
        await until(lambda: "  Tray  " in app.output)
        assert app.output.count("  Tray  ") == 1
        assert "no panel shows tray icons" in app.output
        async with Panel(bus.address) as panel:
            await panel.icon()
            await panel.until_label("Open dashboard")

    asyncio.run(scene())


def test_without_a_session_bus_the_hub_continues(tmp_path: Path, ollama_standin: OllamaStandIn) -> None:
    with running_app(tmp_path / "home", None, ollama_standin.url) as app:
        deadline = time.monotonic() + PATIENCE
        while "  Tray  " not in app.output and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "no session bus" in app.output
        assert "Traceback" not in app.output
        assert app.process.poll() is None


def test_a_batch_shows_its_progress_and_sends_a_notice_at_the_end(
    app: App, bus: SessionBus, ollama_standin: OllamaStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first task ends at once, so that the arc has progress; the others wait for the checks below.
    seen = threading.Event()
    ollama_standin.answers.default = Answer("def f():\n    return 1\n", held=seen)
    ollama_standin.answers.when("function number 0", "def f():\n    return 1\n")
    (tmp_path / "project").mkdir()
    # The client's current folder is the project.
    monkeypatch.chdir(tmp_path / "project")
    client = HubClient(app.info, read_token(str(app.home)))
    tasks = [{"task": f"Write function number {n}.", "output": f"f{n}.py"} for n in range(4)]

    async def scene() -> None:
        # In a group, so that a failed call ends the scene with its error.
        async with Panel(bus.address) as panel, asyncio.TaskGroup() as group:
            await panel.icon()
            await panel.until_label("Load")
            group.create_task(
                asyncio.to_thread(client.call_tool, "batch_offload", {"tasks": tasks}, lambda _: None)
            )
            await panel.until_label("Batch ")
            await until_colour(panel, BLUE)
            assert [child.label for child in (await panel.find("Batch ")).children] == ["Pause", "Cancel"]
            assert "still running" in (await panel.find("Quit")).label
            seen.set()
            async with asyncio.timeout(PATIENCE):
                title, text = await panel.notifications.notices.get()
            assert title == "Batch finished"
            assert "4 of 4 done" in text
            await panel.until_no_label("Batch ")

    asyncio.run(scene())
    assert (tmp_path / "project" / "f3.py").exists()


POLICY = """
version: "1"
default: allow
tools:
  offload_work:
    rules:
      - name: "ask first"
        action: require_approval
        on_deny: "The user wants to be asked"
        approval_timeout: 5m
"""


def test_a_call_is_approved_and_another_denied_in_the_tray(
    bus: SessionBus, ollama_standin: OllamaStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ollama_standin.answers.default = Answer("def f():\n    return 1\n")
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (home / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(project)

    def offload(app: App, output: str) -> ToolAnswer:
        client = HubClient(app.info, read_token(str(app.home)))
        return client.call_tool("offload_work", {"task": "Write f.", "output": output}, lambda _: None)

    async def scene(app: App) -> None:
        async with Panel(bus.address) as panel, asyncio.TaskGroup() as group:
            with ended_on_error(app):
                await panel.icon()
                await panel.until_label("Load")
                call = group.create_task(asyncio.to_thread(offload, app, "a.py"))
                await panel.until_label("Approve “Write f.” → a.py")
                await until_colour(panel, AMBER)
                async with asyncio.timeout(PATIENCE):
                    title, text = await panel.notifications.notices.get()
                assert title == "Approval needed"
                assert "The user wants to be asked" in text
                await panel.click("Approve “Write f.” → a.py", "Approve once")
                async with asyncio.timeout(PATIENCE):
                    answer = await call
                assert not answer.failed, answer.text
                assert (project / "a.py").exists()
                await panel.until_no_label("Approve ")
                notices = panel.notifications
                first = max(notices.buttons)
                await until(lambda: first in notices.closed)  # it was answered in the menu
                await panel.until_label("Last result: a.py (written)")
                assert [
                    child.label for child in (await panel.find("Last result: a.py (written)")).children
                ] == ["Undo", "Show details"]
                await panel.click("Last result", "Undo")
                await until(lambda: not (project / "a.py").exists())

                call = group.create_task(asyncio.to_thread(offload, app, "b.py"))
                await until(lambda: max(notices.buttons) > first)
                second = max(notices.buttons)
                assert notices.buttons[second][:4] == ["approve", "Approve", "deny", "Deny"]
                notices.action_invoked(second, "deny")
                async with asyncio.timeout(PATIENCE):
                    assert (await call).failed
                assert not (project / "b.py").exists()

    with running_app(home, bus, ollama_standin.url) as app:
        asyncio.run(scene(app))
