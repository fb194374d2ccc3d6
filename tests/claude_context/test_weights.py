"""Tests of the report on the context: parts, plugins, habits, money, words."""

import datetime

import pytest

from server.claude_context.habits import costly_habits
from server.claude_context.report import Context, claude_folders, context_line, context_text, context_values
from server.claude_context.switches import ClaudeFolders
from server.claude_context.weights import plugin_of, weigh
from server.ledger.transcripts.summary import PartCost, Summary

pytestmark = pytest.mark.fast

TODAY = datetime.date(2026, 11, 20)


def session(day: str, money: float = 100_000, uses: int = 0, **changes: object) -> Summary:
    """Return a session with a skill, a plugin's agent and server, and results."""
    parts = {
        "skill:dataviz": PartCost(400, 1_000, 400, money, uses, 480.0),
        "agent:kit:worker": PartCost(30, 80, 30, 2_000, 0, 36.0),
        "mcp:plugin_kit_db": PartCost(90, 200, 90, 6_000, 1, 0.0),
        "result:git+": PartCost(0, 0, 9_000, 50_000),
        "result:Read": PartCost(0, 0, 1_000, 20_000),
    }
    habits = {"git_turns": 4.0, "git_money": 30_000.0, "reads_again": 1.0, "reads_again_tokens": 250.0}
    whole = sum(part.money for part in parts.values())
    values = {"parts": parts, "habits": habits, "money": whole, "last_day": day, "first_day": day}
    return Summary(**(values | changes))  # type: ignore[arg-type]


def test_the_week_is_added_up_by_part() -> None:
    week = [session("2026-11-14", uses=2), session("2026-11-20"), session("2026-11-13")]
    report = weigh(week, TODAY)
    first = report.weights[0]
    assert (first.part, first.sessions, first.uses, first.microusd) == ("skill:dataviz", 2, 2, 200_000)
    assert (first.tokens, first.characters) == (480, 1_000)
    assert (report.sessions, report.since, report.microusd) == (2, "2026-11-14", 356_000)
    everything = sum(each.microusd for each in report.weights) + sum(amount for _, amount in report.others)
    assert everything == report.microusd


def test_a_plugin_is_the_sum_of_its_parts() -> None:
    [plugin] = weigh([session("2026-11-20")], TODAY).plugins
    assert (plugin.part, plugin.tokens, plugin.microusd, plugin.uses) == ("plugin:kit", 126, 8_000, 1)


@pytest.mark.parametrize(
    ("part", "plugin"),
    [
        ("skill:dataviz", ""),
        ("skill:kit:help", "kit"),
        ("agent:kit:worker", "kit"),
        ("mcp:plugin_kit_db", "kit"),
        ("mcp:docs", ""),
        ("memory:/p/C:/CLAUDE.md", ""),
    ],
    ids=["own-skill", "plugin-skill", "plugin-agent", "plugin-server", "own-server", "colon-in-path"],
)
def test_the_clients_prefixes_name_the_plugin(part: str, plugin: str) -> None:
    assert plugin_of(part) == plugin


def test_habits_have_their_money() -> None:
    habits = {each.name: each for each in costly_habits([session("2026-11-20")], TODAY)}
    assert (habits["Turns spent on git"].times, habits["Turns spent on git"].microusd) == (4, 30_000)
    # 250 of the 1,000 tokens that results of Read brought: a quarter of their 20,000
    assert habits["Files read again unchanged"].microusd == 5_000
    assert habits["Large results of git"].microusd == 50_000
    assert "Caches gone cold" not in habits


def test_the_report_in_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("claude")
    claude = ClaudeFolders(folder, folder / ".claude.json", folder / "project")
    week = [session("2026-11-20")]
    context = Context(weigh(week, TODAY), costly_habits(week, TODAY), claude)
    text = context_text(context, "project", frozenset({"agent:kit:worker"}))
    assert "skill:dataviz" in text
    assert "--off skill:dataviz" in text
    assert "Listed but never used: $0.10" in text
    [row] = [line for line in text.splitlines() if line.startswith("agent:kit:worker")]
    assert row.endswith("off")
    assert "skill dataviz" in context_line(context)
    values = context_values(context, "user")
    assert values["parts"][0]["part"] == "plugin:kit"
    nothing = Context(weigh([], TODAY), (), claude)
    assert context_line(nothing) == ""
    assert "savings --audit on" in context_text(nothing, "user")


def test_claude_codes_folders_are_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    usual = claude_folders("", home / "p", {}, home)
    assert usual.settings("user") == home / ".claude" / "settings.json"
    assert usual.state == home / ".claude.json"
    own = claude_folders("", home / "p", {"CLAUDE_CONFIG_DIR": str(home / "c")}, home)
    assert (own.config, own.state) == (home / "c", home / "c" / ".claude.json")
    assert claude_folders(str(home / "d"), home / "p", {"CLAUDE_CONFIG_DIR": "/x"}, home).config == home / "d"
