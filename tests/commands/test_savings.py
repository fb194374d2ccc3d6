"""Tests of ``token-saver savings`` on a real history, without a hub."""

import asyncio
import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from server.common.days import midnight
from server.common.errors import SettingsError
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.config.settings_file import set_setting
from server.store.history import History
from tests.forks import program
from tests.ledger.conversation import Conversation
from tests.store.offloads import end, start


@pytest.fixture
def home(token_saver_home: Path) -> Path:
    """A history with a gain today and a loss ten days ago."""

    async def fill() -> None:
        token_saver_home.mkdir()
        history = await History.open(token_saver_home / "history.db")
        await history.start(start("a", midnight().timestamp() + 1))
        await history.finish("a", end())
        await history.start(start("b", midnight(10).timestamp(), tool="compress_context"))
        await history.finish("b", end("failed", spared=0))
        await history.close()

    asyncio.run(fill())
    return token_saver_home


def savings(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "HOME": os.environ["TOKEN_SAVER_HOME"], **environ}
    return program.run("savings", *arguments, env=variables)


def test_a_table_with_signs(home: Path) -> None:
    shown = savings()
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["offload_work", "1", "0", "0", "+293", "+$0.01", "0", "-"] in lines
    assert ["compress_context", "1", "0", "1", "-207", "-0.20¢", "0", "-"] in lines
    assert ["all", "2", "0", "1", "+86", "+$0.01", "0", "-"] in lines
    assert "--audit on" in shown.stdout


def test_csv_and_json_by_dimension(home: Path) -> None:
    rows = list(csv.DictReader(savings("--by", "day", "--csv").stdout.splitlines()))
    assert [row["net_tokens"] for row in rows] == ["-207", "293"]
    values = json.loads(savings("--by", "project", "--json").stdout)
    assert [(value["project"], value["net_tokens"]) for value in values] == [("/home/me/project", 86)]


def test_since(home: Path) -> None:
    assert "compress_context" not in savings("--since", "7d").stdout
    assert "compress_context" in savings("--since", "11d").stdout
    refused = savings("--since", "yesterday")
    assert refused.returncode == 1
    assert refused.stderr.endswith("(bad_arguments)\n")


def test_an_empty_history(token_saver_home: Path) -> None:
    assert "Nothing has been offloaded yet." in savings().stdout


def test_the_transcript_check_needs_consent(home: Path, tmp_path: Path) -> None:
    conversation = Conversation(tmp_path / "claude")
    conversation.use(
        "mcp__token-saver__offload_work",
        {"task": "x"},
        "Wrote it.",
        call_tokens=90,
        result_tokens=20,
        use_id="toolu_a",
    )
    conversation.end()
    claude = {"CLAUDE_CONFIG_DIR": str(tmp_path / "claude")}
    (home / "config.toml").write_text("# mine\nport = 7300\n\n[savings] # checks\n")

    assert "transcripts," not in savings(**claude).stdout
    assert savings("--audit", "on", **claude).returncode == 0
    agreed = savings(**claude).stdout
    assert "Transcript check: 1 transcripts, 1 calls (0 unknown here)." in agreed
    assert "left alone: 1" in agreed
    assert (home / "config.toml").read_text().startswith("# mine\nport = 7300\n")

    assert savings("--audit", "off", **claude).returncode == 0
    assert load_settings(find_folders()).savings.audit is False


def test_a_broken_settings_file_is_not_changed(home: Path) -> None:
    config = home / "config.toml"
    config.write_text("port = \n")
    with pytest.raises(SettingsError, match="could not be changed"):
        set_setting(find_folders(), "savings", "audit", True)
    config.write_text("[savings]\n")
    with pytest.raises(SettingsError):
        set_setting(find_folders(), "savings", "audit", "perhaps")
    assert config.read_text() == "[savings]\n"
    assert [path.name for path in home.glob("config*")] == ["config.toml"]
