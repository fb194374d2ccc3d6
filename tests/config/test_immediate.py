"""Tests of settings that take effect without a restart."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from server.commands.config.actions import change_setting
from server.commands.hub_client import connect
from server.config.folders import find_folders
from server.config.immediate import needs_restart, with_immediate
from server.config.sections import BackendSettings, HistorySettings, OffloadSettings
from server.config.settings import Settings, load_settings
from server.hub import Hub
from server.offload.values import Caller, Task
from server.store.records import SHELL
from tests.hub_in_process import running_hub
from tests.hub_process import start_hub
from tests.standins.ollama import OllamaStandIn

pytestmark = pytest.mark.anyio


def test_only_the_immediate_settings_are_taken_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RUN_CODE", "LEAST_RIGHT_UNRUN"):  # of the test suite; they override the whole table
        monkeypatch.delenv(f"TOKEN_SAVER_OFFLOAD__{variable}")
    running = Settings(port=1, history=HistorySettings(days=5))
    written = Settings(
        port=2,
        appearance="dark",
        history=HistorySettings(contents=False, days=6),
        offload=OffloadSettings(queue_limit=9, repair_rounds=0),
        checks={"test": "pytest"},
    )
    updated = with_immediate(running, written)
    assert (updated.port, updated.history.contents, updated.history.days) == (1, True, 6)
    assert (updated.offload.queue_limit, updated.offload.repair_rounds) == (512, 0)
    assert (updated.appearance, updated.checks) == ("dark", {"test": "pytest"})


@pytest.mark.parametrize(
    ("key", "restart"),
    [
        pytest.param("port", True, id="port"),
        pytest.param("roots", False, id="folders"),
        pytest.param("backend.keep_alive", True, id="engine"),
        pytest.param("offload.repair_rounds", False, id="repairs"),
        pytest.param("offload.queue_limit", True, id="queue"),
        pytest.param("tray.notify_batch", False, id="notices"),
    ],
)
def test_a_setting_says_whether_it_needs_a_restart(key: str, restart: bool) -> None:
    section, _, name = key.rpartition(".")
    assert needs_restart(section, name) is restart


async def test_the_next_call_uses_the_saved_settings(ollama_standin: OllamaStandIn, tmp_path: Path) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))
    caller = Caller(SHELL, "s", tmp_path, (tmp_path,))
    (tmp_path / "long.txt").write_text("four letters")

    async def limits(hub: Hub) -> dict[str, Any]:
        outcome = await hub.offloader.run(Task("Write a haiku"), caller, ignore)
        assert outcome.name == "returned", outcome
        [*_, last] = [each for each in ollama_standin.requests if each.path == "/api/chat"]
        options: dict[str, Any] = json.loads(last.body)["options"]
        return options

    async with running_hub(settings) as hub:
        before = await limits(hub)
        await hub.change_setting("offload", "max_output_tokens", 333)
        await hub.change_setting("offload", "temperature", 0.9)
        after = await limits(hub)
        await hub.change_setting("offload", "max_file_bytes", 3)
        read = await hub.offloader.run(Task("Summarise it", files=("long.txt",)), caller, ignore)
        await hub.change_setting("offload", "allow_losing", True)
        assert hub.compressor.allow_losing
        await hub.change_setting("ledger", "calls_per_session", 7)
        assert hub.ledger.settings.calls_per_session == 7
    assert (before["temperature"], after["temperature"]) == (0.2, 0.9)
    assert after["num_predict"] == 333 != before["num_predict"]
    assert read.name == "failed"
    assert "long.txt" in read.text


async def test_no_change_is_lost_among_changes_at_the_same_time(ollama_standin: OllamaStandIn) -> None:
    saved = {
        ("", "appearance"): "dark",
        ("offload", "max_output_tokens"): 333,
        ("offload", "temperature"): 0.9,
        ("batch", "max_items"): 7,
        ("batch", "max_hours"): 3.0,
        ("ledger", "calls_per_session"): 9,
    }

    def differing(settings: Settings) -> list[tuple[str, str]]:
        found = {(section, key): getattr(getattr(settings, section, settings), key) for section, key in saved}
        return [each for each in saved if found[each] != saved[each]]

    async with running_hub(Settings(backend=BackendSettings(kind="ollama", url=ollama_standin.url))) as hub:
        changes = [hub.change_setting(section, key, value) for (section, key), value in saved.items()]
        changes.insert(3, hub.switch_transcript_check(on=True))
        await asyncio.gather(*changes)
        assert (differing(hub.settings), hub.settings.savings.audit) == ([], True)
        written = load_settings(hub.folders)
        assert (differing(written), written.savings.audit) == ([], True)


def test_a_running_app_uses_a_changed_setting(
    ollama_standin: OllamaStandIn,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(home))
    project.mkdir()
    monkeypatch.chdir(project)
    for number in range(8):
        (project / f"{number}.txt").write_text("A fox.\n")
    with start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama_standin.url):
        change_setting("batch.max_items", "7")
        assert "uses the new value from now on" in capsys.readouterr().out
        change_setting("policy.trail_days", "7")
        assert "uses the new value after a restart" in capsys.readouterr().out
        arguments = {"task": "Shorten it", "each": ["*.txt"], "output": "{path}", "dry_run": True}
        answer = connect(find_folders()).call_tool("batch_offload", arguments, lambda _: None)
    assert answer.failed
    assert "a batch takes at most 7" in answer.text


async def ignore(_done: float, _total: float | None, _text: str) -> None:
    """Take a progress report."""
