"""Tests of the context page's figures and switches with the real Claude Code CLI and a set-up of its kind."""

import asyncio
import datetime
import json
import random
from pathlib import Path
from typing import Any

import pytest

from server.claude_context.changes import applied, apply, plan, undo
from server.claude_context.report import claude_folders
from server.claude_context.switches import Scope
from server.claude_context.weights import ContextReport, weigh
from server.config.folders import Folders
from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.ledger.transcripts.summary import Summary
from server.store.history import History
from server.store.transcript_checks import read_summaries
from tests.e2e.context_setup import (
    AGENTS,
    HOOK_TEXT,
    MEMORY,
    PLUGIN_HOOK_TEXT,
    PLUGIN_SERVER,
    PLUGINS,
    SERVERS,
    SKILLS,
    USER_MEMORY,
    ClaudeSetup,
    make_setup,
)
from tests.standins.messages import MessagesStandIn, Text, ToolUse


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> ClaudeSetup:
    return make_setup(tmp_path_factory.mktemp("setup"))


def run(setup: ClaudeSetup, *turns: list[Text | ToolUse]) -> dict[str, Any]:
    """Run a session; return its first request."""
    with MessagesStandIn([*turns, [Text("Done.")]]) as api:
        setup.run(api)
    return next(each for each in api.requests if each.get("tools"))


def weights(setup: ClaudeSetup, database: Path) -> tuple[ContextReport, list[Summary]]:
    async def read() -> list[Summary]:
        history = await History.open(database)
        savings = SavingsSettings(audit=True, transcripts=str(setup.config))
        await TranscriptCheck(savings, history.database, Ledger(LedgerSettings(), load_prices(), 0)).run()
        texts = await history.database.read(read_summaries)
        await history.close()
        return [Summary.from_json(text) for text in texts]

    summaries = asyncio.run(read())
    return weigh(summaries, datetime.datetime.now().astimezone().date()), summaries


def test_every_part_is_found_with_its_size_and_its_uses(setup: ClaudeSetup, tmp_path: Path) -> None:
    skill = ToolUse("Skill", {"skill": "skill03"})
    request = run(setup, [skill], [ToolUse("Bash", {"command": "true"})])
    text = json.dumps(request["messages"], ensure_ascii=False)
    report, summaries = weights(setup, tmp_path / "history.db")
    found = {each.part: each for each in report.weights}

    lines = {f"skill:{name}": f"- {name}: Explains how {name} is done in this project." for name in SKILLS}
    lines |= {f"agent:{name}": f"- {name}: Works on {name} questions. (Tools: All tools)" for name in AGENTS}
    lines |= {
        f"skill:{name}:{name}-help": f"- {name}:{name}-help: Explains how {name}-help is done in this "
        "project."
        for name in PLUGINS
    }
    for part, line in lines.items():
        assert line in text
        assert (found[part].characters, found[part].sessions) == (len(line), 1), part
    for name in SERVERS:
        block = f"## {name}\nUse these tools for questions about {name}."
        assert found[f"mcp:{name}"].characters == len(f"mcp__{name}__find_{name}") + len(block)
    block = "## plugin:alpha:maps\nUse these tools for questions about maps."
    assert found[f"mcp:{PLUGIN_SERVER}"].characters == len(f"mcp__{PLUGIN_SERVER}__find_maps") + len(block)
    assert found[f"mcp:{PLUGIN_SERVER}"].plugin == "alpha"
    for path, memory in ((setup.project, MEMORY), (setup.config, USER_MEMORY)):
        assert found[f"memory:{path / 'CLAUDE.md'}"].characters == len(memory.strip())
    assert found["hook:SessionStart"].characters == len(PLUGIN_HOOK_TEXT)
    assert found["hook:UserPromptSubmit"].characters == len(HOOK_TEXT)
    assert [(each.name, each.sessions) for each in report.plugins] == [("alpha", 1), ("beta", 1)]
    assert {part: each.uses for part, each in found.items() if each.uses} == {"skill:skill03": 1}

    # The parts of the first request add up to the size that the API counted.
    [summary] = summaries
    first = summary.parts
    with_user = sum(each.fitted for each in first.values())
    usage = next(iter(summary.bill.values()))
    sizes = [line for line in transcript_lines(setup) if line.get("type") == "assistant"]
    counted = sizes[0]["message"]["usage"]["input_tokens"]
    assert with_user == pytest.approx(counted, abs=len(first) * 0.1)
    # The client's own figure of the session's cost is the sum of all parts.
    cost = next(line for line in transcript_lines(setup) if line.get("type") == "cost-state")
    assert sum(each.money for each in first.values()) == pytest.approx(cost["totalCostUSD"] * 1e6, rel=0.005)
    assert usage[5] == 3


@pytest.mark.parametrize("scope", ["project", "user"])
def test_every_switch_works_and_is_undone_to_the_byte(
    setup: ClaudeSetup, tmp_path: Path, scope: Scope
) -> None:
    claude = claude_folders(str(setup.config), setup.project)
    folders = Folders(*(tmp_path / name for name in ("config", "data", "state", "cache")))
    path = claude.settings(scope)
    before = path.read_bytes() if path.exists() else None
    parts = [
        *(f"skill:{name}" for name in SKILLS),
        *(f"agent:{name}" for name in AGENTS),
        *(f"mcp:{name}" for name in SERVERS),
        *(f"plugin:{name}" for name in PLUGINS),
        f"memory:{setup.project / 'CLAUDE.md'}",
        *(["hook:UserPromptSubmit"] if scope == "project" else []),
    ]
    for part in parts:
        change = plan(part, scope, claude)
        assert change.diff()
        apply(change, folders)
    text = json.dumps(run(setup), ensure_ascii=False)
    listed = [f"- {name}:" for name in (*SKILLS, *AGENTS, *PLUGINS)]
    assert [each for each in (*listed, *(f"mcp__{name}__" for name in SERVERS)) if each in text] == []
    assert "Tests live in tests/" not in text
    assert (HOOK_TEXT in text) == (scope == "user")

    off = list(applied(folders))
    assert [each.part for each in off] == parts
    random.Random(1).shuffle(off)
    for each in off:
        undo(each, folders, claude)
    assert (path.read_bytes() if path.exists() else None) == before
    assert applied(folders) == ()
    text = json.dumps(run(setup), ensure_ascii=False)
    assert all(f"- {name}:" in text for name in (*SKILLS, *AGENTS))


def test_a_plugins_parts_are_switched_off_alone_or_with_the_plugin(
    setup: ClaudeSetup, tmp_path: Path
) -> None:
    claude = claude_folders(str(setup.config), setup.project)
    folders = Folders(*(tmp_path / name for name in ("config", "data", "state", "cache")))
    path = claude.settings("project")
    before = path.read_bytes()
    alone = ("agent:alpha:alpha-worker", f"mcp:{PLUGIN_SERVER}", f"memory:{setup.config / 'CLAUDE.md'}")
    for part in alone:
        apply(plan(part, "project", claude), folders)
    text = json.dumps(run(setup), ensure_ascii=False)
    gone = ("- alpha:alpha-worker:", f"mcp__{PLUGIN_SERVER}__", "Answer in English")
    assert [each for each in gone if each in text] == []
    assert "- alpha:alpha-help:" in text
    assert PLUGIN_HOOK_TEXT in text
    # Claude Code has no switch of its own for a plugin's skill or hook: the plugin goes.
    for part in ("skill:alpha:alpha-help", "hook:SessionStart"):
        assert plan(part, "project", claude).switch.setting == "enabledPlugins.alpha@market = false"
    apply(plan("hook:SessionStart", "project", claude), folders)
    text = json.dumps(run(setup), ensure_ascii=False)
    assert [each for each in (*gone, "- alpha:alpha-help:", PLUGIN_HOOK_TEXT) if each in text] == []
    for each in applied(folders):
        undo(each, folders, claude)
    assert path.read_bytes() == before


def transcript_lines(setup: ClaudeSetup) -> list[dict[str, Any]]:
    [path] = (setup.config / "projects").glob("*/*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
