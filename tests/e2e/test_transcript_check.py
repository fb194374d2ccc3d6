"""Tests of the transcript check on transcripts of the real Claude Code CLI: calls, true sizes, endings."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from server.store.records import OffloadDetail, OffloadFilter
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_claude_code import TOOL, server
from tests.e2e.test_commands import run
from tests.e2e.test_offload import FENCED, TASK
from tests.ledger.conversation import Conversation
from tests.standins.claude_code import run_claude_code
from tests.standins.messages import MessagesStandIn, Text, ToolUse
from tests.standins.serving import wait_until
from tests.store.offloads import end, start

ENDINGS = ("left_alone", "read_again", "edited", "rewritten")


def test_the_check_finds_every_ending_in_real_transcripts(own_stage: ClientHarness) -> None:
    stage = own_stage
    stage.ollama.answers.when("slugify", FENCED)
    path = {ending: str(stage.project / f"{ending}.py") for ending in ENDINGS}
    handed_over = [ToolUse(TOOL, {"task": TASK, "output": f"{ending}.py"}) for ending in ENDINGS]
    script = [
        *([use] for use in handed_over),
        [ToolUse("Read", {"file_path": path["read_again"]})],
        [ToolUse("Read", {"file_path": path["edited"]})],
        [
            ToolUse(
                "Edit",
                {"file_path": path["edited"], "old_string": "def slugify(", "new_string": "def make_slug("},
            )
        ],
        [ToolUse("Read", {"file_path": path["rewritten"]})],
        [ToolUse("Write", {"file_path": path["rewritten"], "content": "def mine():\n    return 1\n"})],
        [Text("Done.")],
    ]
    claude = stage.project.parent / "claude"
    with MessagesStandIn(script) as api:
        session = run_claude_code(
            "Write them.",
            api.url,
            home=claude,
            project=stage.project,
            servers=server(stage),
            extra=("--permission-mode", "acceptEdits"),
        )
    [transcript] = session.transcripts
    before = transcript.read_bytes()
    database = Path(stage.hub.environ["TOKEN_SAVER_HOME"]) / "history.db"

    found = asyncio.run(audit(database, claude / "config"))

    assert {Path(str(each.row.output)).stem: each.audit.ending for each in found if each.audit} == {
        ending: ending for ending in ENDINGS
    }
    counted = true_sizes(transcript)
    for each in found:
        assert each.audit is not None
        assert each.audit.measured
        called, answered = counted[str(each.tool_use_id)]
        assert each.audit.receipt.spent_input >= answered
        assert each.audit.receipt.spent_output >= called
        if each.audit.ending == "left_alone":
            assert (each.audit.receipt.spent_output, each.audit.receipt.spent_input) == (called, answered)
        if each.audit.ending == "edited":
            assert each.audit.survived is not None
            assert 0 < each.audit.survived < 1
    assert transcript.read_bytes() == before


def test_the_users_consent_takes_effect_immediately(own_stage: ClientHarness) -> None:
    home = own_stage.hub.home
    conversation = Conversation(home / "claude")
    arguments = {"task": "Write it", "output": "out.py"}
    conversation.use(TOOL, arguments, "Wrote out.py", call_tokens=90, result_tokens=20, use_id="toolu_a")
    conversation.end()
    asyncio.run(note_offload(home / "history.db"))

    def audited() -> bool:
        return bool(own_stage.hub.get("/api/status")["saved_all"]["audited"])

    assert not audited()
    assert str(home / "claude") in run(own_stage, "savings", "--audit", "on")
    wait_until(audited, seconds=60)
    assert "audit = true" in (home / "config.toml").read_text()
    assert "off" in run(own_stage, "savings", "--audit", "off")
    assert "audit = false" in (home / "config.toml").read_text()
    assert "switched off" in run(own_stage, "audit", "search", "transcripts")


async def note_offload(database: Path) -> None:
    history = await History.open(database, owner=False)
    await history.start(start("a"))
    await history.finish("a", end())
    await history.close()


async def audit(database: Path, folder: Path) -> list[OffloadDetail]:
    history = await History.open(database, owner=False)
    settings = SavingsSettings(audit=True, transcripts=str(folder))
    await TranscriptCheck(settings, history.database, Ledger(LedgerSettings(), load_prices(), 1500)).run()
    details = [await history.get(row.id) for row in await history.page(OffloadFilter())]
    await history.close()
    return [detail for detail in details if detail is not None]


def true_sizes(transcript: Path) -> dict[str, tuple[int, int]]:
    """Return the output tokens of each call, and the growth of the next prompt, from the transcript's
    lines."""
    messages: dict[str, dict[str, Any]] = {}
    for line in transcript.read_text().splitlines():
        record = json.loads(line)
        if record.get("type") == "assistant":
            message = messages.setdefault(record["message"]["id"], {"uses": []})
            message["usage"] = record["message"]["usage"]
            message["uses"] += [b["id"] for b in record["message"]["content"] if b["type"] == "tool_use"]
    sizes = {}
    answers = list(messages.values())
    for answer, following in itertools.pairwise(answers):
        usage, after = answer["usage"], following["usage"]
        grown = after["input_tokens"] - usage["input_tokens"] - usage["output_tokens"]
        for use in answer["uses"]:
            sizes[use] = (usage["output_tokens"], grown)
    return sizes
