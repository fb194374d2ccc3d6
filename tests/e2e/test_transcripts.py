"""The transcript check on transcripts that the real Claude Code CLI wrote, against the API's own counts.

The sessions have hooks, reminders, changed files, a sub-agent, 1-hour and 5-minute writes, a cold cache, a
compaction, a resumed session and a fork of it. The truth is what the stand-in for the API saw and counted.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.terms import Terms
from server.ledger.tokens import estimate_tokens
from server.ledger.transcripts.bill import unrecorded_money
from server.ledger.transcripts.check import TranscriptCheck, TranscriptReport
from server.ledger.transcripts.summary import Summary
from server.store.history import History
from server.store.records import OffloadDetail, OffloadFilter
from server.store.transcript_checks import read_summaries
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_claude_code import TOOL, server
from tests.e2e.test_offload import FENCED, TASK
from tests.hub_process import start_hub
from tests.standins.claude_code import run_claude_code
from tests.standins.messages import MessagesStandIn, Text, ToolUse, Turn
from tests.standins.ollama import OllamaStandIn
from tests.standins.prompt_cache import PromptCache, blocks_of

MARK = re.compile(r"\[\[(\w+)\]\]")
COMPACTING = "Respond with TEXT ONLY"
SUMMARY = "<analysis>Files were written.</analysis>\n<summary>Slugs were written to files.</summary>"
BYPASS = ("--permission-mode", "bypassPermissions")
COLD = 7
"""The request that finds nothing in the cache."""


class MarkedScripts(MessagesStandIn):
    """Answers by the last mark ``[[name]]`` in the user's own texts, and by the turns since then."""

    def __init__(self, scripts: Mapping[str, Sequence[Turn]], cache: PromptCache) -> None:
        super().__init__([], cache)
        self._scripts = scripts

    def turn_for(self, request: dict[str, Any]) -> Turn:
        name, said = "", 0
        for message in request["messages"]:
            if message["role"] == "assistant":
                said += 1
            elif message["role"] == "user":
                texts = _texts(message["content"])
                if any(COMPACTING in text for text in texts):
                    return [Text(SUMMARY)]
                if marks := [mark for text in texts for mark in MARK.findall(text)]:
                    name, said = marks[-1], 0
        script = self._scripts.get(name, ())
        return script[said] if said < len(script) else [Text("Done.")]


def _texts(content: Any) -> list[str]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [block["text"] for block in blocks if block["type"] == "text"]


@dataclass(frozen=True)
class Sessions:
    """What was run, and what the check found."""

    api: MarkedScripts
    transcripts: tuple[Path, ...]
    report: TranscriptReport
    summaries: tuple[Summary, ...]
    offloads: dict[str, OffloadDetail]
    client_dollars: float


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    folder = tmp_path_factory.mktemp("sessions")
    project = folder / "project"
    project.mkdir()
    (project / "CLAUDE.md").write_text("# Project\n\nRun tests with pytest.\n")
    (project / "in.py").write_text("".join(f"VALUE_{number} = {number}\n" for number in range(400)))
    cache = PromptCache(count_tokens, hour_share=lambda number: (number % 3) / 2, cold=frozenset({COLD}))
    with (
        OllamaStandIn() as ollama,
        start_hub(folder / "hub", TOKEN_SAVER_BACKEND__URL=ollama.url) as hub,
        MarkedScripts(scripts(project), cache) as api,
    ):
        ollama.answers.when("slugify", FENCED)
        results = run_sessions(api, ClientHarness(hub, ollama, project), folder / "claude")
        yield asyncio.run(checked(api, folder, results[-1]["total_cost_usd"]))


def count_tokens(text: str) -> int:
    """Count as the estimator does, but for a tenth: a stand-in for the API's tokenizer."""
    return max(1, round(1.1 * estimate_tokens(text, "B")))


def scripts(project: Path) -> dict[str, Sequence[Turn]]:
    source = str(project / "in.py")
    agent = {"description": "Write", "prompt": "[[side]] Write it.", "subagent_type": "general-purpose"}
    return {
        "one": [
            [offload("a.py")],
            [ToolUse("Read", {"file_path": source})],
            [offload("b.py"), ToolUse("Bash", {"command": "ls -la"})],
            [ToolUse("Bash", {"command": "sed -i 's/VALUE_7 /TEN_7 /' in.py && echo changed"})],
            [ToolUse("Agent", {**agent, "run_in_background": False})],
            [ToolUse("Edit", {"file_path": source, "old_string": "VALUE_9 ", "new_string": "NINE "})],
            [Text("One is done.")],
        ],
        "side": [[offload("side.py")], [ToolUse("Bash", {"command": "wc -l in.py"})], [Text("Written.")]],
        "two": [[offload("c.py")], [ToolUse("Bash", {"command": "cat in.py"})], [Text("Two is done.")]],
        "three": [[offload("d.py")], [ToolUse("Bash", {"command": "git status"})], [Text("Three is done.")]],
        "fork": [[offload("e.py")], [Text("The fork is done.")]],
    }


def offload(output: str) -> ToolUse:
    return ToolUse(TOOL, {"task": TASK, "output": output})


def run_sessions(api: MarkedScripts, stage: ClientHarness, home: Path) -> list[dict[str, Any]]:
    """Run four parts of a conversation: begun, resumed, compacted and resumed, forked."""
    write_hooks(home / "config" / "settings.json")
    results: list[dict[str, Any]] = []
    for prompt, *extra in (
        ("[[one]] Write slugs.",),
        ("[[two]] Go on.", "--resume", "{session}"),
        ("/compact", "--resume", "{session}"),
        ("[[three]] Go on.", "--resume", "{session}"),
        ("[[fork]] Go on.", "--resume", "{session}", "--fork-session"),
    ):
        session = results[0]["session_id"] if results else ""
        run = run_claude_code(
            prompt,
            api.url,
            home=home,
            project=stage.project,
            servers=server(stage),
            extra=(*BYPASS, *(each.format(session=session) for each in extra)),
        )
        results.append(run.result)
    return results


def write_hooks(settings: Path) -> None:
    texts = {
        "SessionStart": "The branch is main, and nothing is to be committed.",
        "UserPromptSubmit": "The build is green.",
        "PostToolUse": "Mind the style guide of this project when you run commands or write files.",
    }
    hooks: dict[str, Any] = {}
    for event, text in texts.items():
        output = {"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}}
        hooks[event] = [{"hooks": [{"type": "command", "command": f"echo '{json.dumps(output)}'"}]}]
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"hooks": hooks}))


async def checked(api: MarkedScripts, folder: Path, client_dollars: float) -> Sessions:
    config = folder / "claude" / "config"
    history = await History.open(folder / "hub" / "history.db", owner=False)
    settings = SavingsSettings(audit=True, transcripts=str(config))
    check = TranscriptCheck(settings, history.database, Ledger(LedgerSettings(), load_prices(), 1500))
    await check.run()
    report = await check.report()
    summaries = tuple(Summary.from_json(text) for text in await history.database.read(read_summaries))
    details = [await history.get(row.id) for row in await history.page(OffloadFilter())]
    await history.close()
    offloads = {str(each.row.output): each for each in details if each is not None}
    transcripts = tuple(sorted((config / "projects").glob("**/*.jsonl")))
    return Sessions(api, transcripts, report, summaries, offloads, client_dollars)


def test_every_call_is_found(sessions: Sessions) -> None:
    names = {"a.py", "b.py", "side.py", "c.py", "d.py", "e.py"}
    assert set(sessions.offloads) == names
    assert all(each.audit is not None for each in sessions.offloads.values())
    assert (sessions.report.our_calls, sessions.report.unmatched, sessions.report.broken_lines) == (6, 0, 0)


def test_every_size_is_true_within_five_percent(sessions: Sessions) -> None:
    for name, detail in sessions.offloads.items():
        assert detail.audit is not None
        called, answered = true_sizes(sessions.api, str(detail.tool_use_id))
        found = detail.audit.receipt
        assert detail.audit.measured, name
        assert found.spent_output == pytest.approx(called, rel=0.05), name
        assert found.spent_input == pytest.approx(answered, rel=0.05), name


def test_re_reads_are_exact(sessions: Sessions) -> None:
    for name, detail in sessions.offloads.items():
        assert detail.audit is not None
        terms = Terms.from_json(detail.audit.receipt.terms)
        assert terms is not None
        assert (terms.basis, name) == ("session", name)
        assert terms.cache_reads == true_reads(sessions.api, str(detail.tool_use_id)), name


def test_the_bill_is_what_the_api_counted(sessions: Sessions) -> None:
    true = sum(dollars(answer) for answer in sessions.api.answers)
    assert float(true) == pytest.approx(sessions.client_dollars, rel=1e-6)
    assert sessions.report.bill.total / 1e6 == pytest.approx(float(true), rel=0.005)


def test_the_money_of_all_items_adds_up_to_the_bill(sessions: Sessions) -> None:
    parts = sum(part.money for each in sessions.summaries for part in each.parts.values())
    items = parts + sum(unrecorded_money(sessions.summaries).values())
    assert items == pytest.approx(sessions.client_dollars * 1e6, rel=0.005)
    assert items == pytest.approx(sessions.report.bill.total, rel=0.005)


def true_sizes(api: MarkedScripts, use_id: str) -> tuple[int, int]:
    """Return the API's count of a call, and of its result."""
    assert api.cache is not None
    for request in api.requests:
        for message in request["messages"]:
            content = message["content"] if isinstance(message["content"], list) else []
            for block in content:
                if block.get("tool_use_id") == use_id:
                    [result] = blocks_of({"messages": [{"content": [block]}]})
                    return call_size(api, use_id), api.cache.size(result)
    raise AssertionError(f"no request has the result of {use_id}")


def call_size(api: MarkedScripts, use_id: str) -> int:
    assert api.cache is not None
    for answer in api.answers:
        for block in answer["content"]:
            if block.get("id") == use_id:
                [call] = blocks_of({"messages": [{"content": [block]}]})
                return api.cache.size(call)
    raise AssertionError(f"no answer has the call {use_id}")


def true_reads(api: MarkedScripts, use_id: str) -> int:
    """Return how many requests sent a result again; those of a compaction leave no line."""
    texts = [json.dumps(request["messages"]) for request in api.requests]
    return sum(use_id in text and COMPACTING not in text for text in texts) - 1


def dollars(answer: dict[str, Any]) -> Decimal:
    usage = answer["usage"]
    price = load_prices().find(answer["model"])
    tokens = (
        usage["input_tokens"] * price.input
        + usage["cache_creation"]["ephemeral_5m_input_tokens"] * price.cache_write
        + usage["cache_creation"]["ephemeral_1h_input_tokens"] * price.cache_write_1h
        + usage["cache_read_input_tokens"] * price.cache_read
        + usage["output_tokens"] * price.output
    )
    return tokens / 1_000_000
