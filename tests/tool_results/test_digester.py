"""Tests of the digester of tool results, with its real database and kept texts."""

import asyncio
import gzip
import json
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.common.events import Event, ResultDigested
from server.config.sections import LedgerSettings
from server.digests.kept import KeptTexts, Reference
from server.ledger.prices import load_prices, microusd
from server.ledger.receipt import Ledger
from server.store.database import open_database
from server.store.result_digests import BY_USER, ResultDigest, ResultDigests
from server.tool_results import digester as module
from server.tool_results.digester import LEAST_TOKENS, MOST_CHARACTERS, ResultDigester, tokens_of
from tests.new_database import copy_new_database

pytestmark = pytest.mark.anyio

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
LOG = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]
LEDGER = Ledger(LedgerSettings(), load_prices(), 0)
FAMILY = LEDGER.family
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


class DigesterHarness:
    """A digester, its records, and events of one session."""

    def __init__(self, folder: Path, *, contents: bool = True) -> None:
        self.folder = folder
        self.texts = folder / "texts"
        self.events: list[Event] = []
        copy_new_database(folder / "history.db")
        self.database = open_database(folder / "history.db", owner=True)
        self.records = ResultDigests(self.database, contents)
        self.digester = ResultDigester(
            self.records, self.texts, LEDGER, lambda: ["app-token-value"], self.events.append
        )

    async def bash(self, text: str, command: str = "pytest -v", **more: Any) -> str | None:
        response = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False, **more}
        return await self.answer("Bash", {"command": command}, response)

    async def read(self, path: Path, text: str) -> str | None:
        count = text.count("\n") + 1
        lines = {"numLines": count, "startLine": 1, "totalLines": count}
        response = {"type": "text", "file": {"filePath": str(path), "content": text, **lines}}
        return await self.answer("Read", {"file_path": str(path)}, response)

    async def answer(self, tool: str, arguments: dict[str, Any], response: Any) -> str | None:
        """Return the digest that took the place of a result, None if it passed."""
        event = {
            "tool_name": tool,
            "tool_input": arguments,
            "tool_response": response,
            "cwd": str(self.folder),
            "session_id": "session",
            "tool_use_id": "toolu_1",
            "transcript_path": str(self.folder / "claude" / "session.jsonl"),
        }
        output = await self.digester.answer(json.dumps(event).encode(), str(self.folder))
        if output is None:
            return None
        assert output["hookSpecificOutput"]["hookEventName"] == "PostToolUse"
        new = output["hookSpecificOutput"]["updatedToolOutput"]
        if isinstance(new, list):
            return str(new[0]["text"])
        if "result" in new:
            assert {**new, "result": ""} == {**response, "result": ""}, "only the text is replaced"
            return str(new["result"])
        return str(new["file"]["content"] if "file" in new else new["stdout"])

    async def edited(self) -> None:
        event = json.dumps({"tool_name": "edited", "session_id": "session"}).encode()
        assert await self.digester.answer(event, "") is None

    async def one(self) -> ResultDigest:
        [record] = await self.records.latest(10)
        return record


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DigesterHarness:
    monkeypatch.setattr(module, "SECONDS", 60.0)  # a busy machine is another test's matter
    return DigesterHarness(tmp_path)


@pytest.mark.fast
async def test_a_digest_is_short_true_and_recorded(harness: DigesterHarness) -> None:
    digest = await harness.bash(LOG)
    assert digest is not None
    assert len(digest) <= MOST_CHARACTERS
    assert "6 failed, 1707 passed" in digest
    record = await harness.one()
    assert (record.kind, record.source, record.loss) == ("pytest", "pytest -v", "")
    assert record.text == digest
    assert record.whole_tokens > LEAST_TOKENS
    assert 0 < record.net_tokens == record.shown_tokens - record.digest_tokens
    assert record.receipt is not None
    # A token in the context costs 11.83 micro-dollars (docs/receipts.md).
    saved, cost = (
        microusd(tokens * Decimal("11.83")) for tokens in (record.shown_tokens, record.digest_tokens)
    )
    assert (record.receipt.spared_microusd, record.receipt.spent_microusd) == (saved, cost)
    texts = KeptTexts(harness.texts)
    lines = texts.lines(Reference(record.handle), harness.folder, 100_000)
    assert "6 failed, 1707 passed" in lines[-1]
    [path] = harness.texts.glob("*.txt")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.fast
async def test_small_and_unknown_results_pass(harness: DigesterHarness) -> None:
    assert tokens_of(LOG[-3_000:], FAMILY) < LEAST_TOKENS
    assert await harness.bash(LOG[-3_000:]) is None
    prose = "".join(f"Word {number} of a long story that nobody recognises.\n" for number in range(2_000))
    assert await harness.bash(prose, "python3 tell.py") is None
    assert await harness.answer("mcp__a__b", {}, [{"type": "image", "data": LOG}]) is None
    assert await harness.records.latest(1) == ()
    assert not list(harness.texts.glob("*")), "no text is kept of what passes"


async def test_a_fetched_page_is_digested_if_it_is_a_log_and_passes_if_it_is_prose(
    harness: DigesterHarness,
) -> None:
    page = {"bytes": len(LOG), "code": 200, "codeText": "OK", "durationMs": 5, "url": "https://ci.test/log"}
    asked = {"url": page["url"], "prompt": "Why did the build fail?"}
    digest = await harness.answer("WebFetch", asked, {**page, "result": LOG})
    assert digest is not None
    assert len(digest) <= MOST_CHARACTERS
    assert "6 failed, 1707 passed" in digest
    assert (await harness.one()).kind == "WebFetch"
    prose = "".join(f"Paragraph {number} explains the build and its history.\n\n" for number in range(900))
    assert await harness.answer("WebFetch", {**asked, "prompt": "Sum up"}, {**page, "result": prose}) is None


async def test_a_text_with_many_numbers_gets_a_digest_that_saves_half(harness: DigesterHarness) -> None:
    rows = [
        f"{number:>5} {number * 7919 % 99991:>7} {number % 7:>3}  worker-{number}" for number in range(240)
    ]
    table = "\n".join(["  PID     RSS  NI  COMMAND", *rows])
    whole = tokens_of(table, FAMILY)
    assert LEAST_TOKENS < whole < 2 * LEAST_TOKENS
    digest = await harness.bash(table, "ps -eo pid,rss,ni,comm")
    assert digest is not None
    assert "240 rows" in digest
    assert tokens_of(digest, FAMILY) <= whole / 2


async def test_secrets_reach_neither_claude_nor_the_disk(harness: DigesterHarness) -> None:
    text = LOG.replace("CarrierDown: RX", f"CarrierDown: token={SECRET} app-token-value RX")
    digest = await harness.bash(text, f"TOKEN={SECRET} pytest -v")
    assert digest is not None
    await harness.database.close()
    for path in [*harness.texts.iterdir(), *harness.folder.glob("history.db*")]:
        assert SECRET.encode() not in path.read_bytes(), path.name
        assert path.suffix != ".txt" or b"app-token-value" not in path.read_bytes()
    assert SECRET not in digest


async def test_the_clients_kept_file_is_read_whole(harness: DigesterHarness) -> None:
    kept = harness.folder / "claude" / "session" / "tool-results" / "b1.txt"
    kept.parent.mkdir(parents=True)
    (harness.folder / "client.output").write_text(LOG)
    kept.hardlink_to(harness.folder / "client.output")  # as Claude Code 2.1.170 does
    digest = await harness.bash(LOG[:15_000], persistedOutputPath=str(kept), persistedOutputSize=len(LOG))
    assert digest is not None
    assert "6 failed" in digest
    record = await harness.one()
    # Claude would have seen a preview of 2 KB, and no more is counted as saved.
    assert record.shown_tokens < 1_500 < LEAST_TOKENS < record.whole_tokens


@pytest.mark.parametrize("place", ["elsewhere.txt", "claude/other/tool-results/b1.txt", "link"])
async def test_no_other_file_is_read(place: str, harness: DigesterHarness) -> None:
    other = harness.folder / place
    own = harness.folder / "claude" / "session" / "tool-results"
    own.mkdir(parents=True)
    if place == "link":
        (harness.folder / "secret.txt").write_text(LOG)
        other = own / "b1.txt"
        other.symlink_to(harness.folder / "secret.txt")
    else:
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(LOG)
    assert await harness.bash(LOG, persistedOutputPath=str(other)) is None


async def test_the_same_command_with_the_same_facts_is_a_loss(harness: DigesterHarness) -> None:
    assert await harness.bash(LOG) is not None
    assert await harness.bash(LOG.replace("3.58s", "3.61s")) is None, "Claude gets the whole text now"
    assert harness.events == [ResultDigested("pytest")] * 2
    record = await harness.one()
    assert record.loss == "again"
    assert record.receipt is not None
    # A turn costs 14,100 micro-dollars.
    cost = microusd(record.digest_tokens * Decimal("11.83") + 14_100)
    assert (record.receipt.spared_microusd, record.receipt.spent_microusd) == (0, cost)
    assert record.net_tokens == -record.digest_tokens
    [alone] = await harness.records.left_alone()
    assert (alone.kind, alone.project, alone.by_user) == ("pytest", str(harness.folder), False)
    assert await harness.bash(LOG.replace("test_slot_is_free", "test_other")) is None, "it is left alone"
    await harness.records.take_up(alone.kind, alone.project)
    assert await harness.bash(LOG.replace("test_slot_is_free", "test_other")) is not None


async def test_after_an_edit_the_same_command_is_no_loss(harness: DigesterHarness) -> None:
    assert await harness.bash(LOG) is not None
    await harness.edited()
    assert await harness.bash(LOG) is not None
    assert [record.loss for record in await harness.records.latest(9)] == ["", ""]


@pytest.mark.fast
async def test_reading_the_file_again_is_a_loss(harness: DigesterHarness) -> None:
    path = harness.folder / "run.log"
    path.write_text(LOG)
    assert await harness.read(path, LOG) is not None
    assert await harness.read(path, LOG) is None
    assert (await harness.one()).loss == "read"


async def test_opening_the_whole_kept_text_is_a_loss(harness: DigesterHarness) -> None:
    assert await harness.bash(LOG) is not None
    handle = (await harness.one()).handle
    part = LOG[: len(LOG) // 3]
    assert await harness.bash(part, f"token-saver digest kept:{handle} --lines 1-200") is None
    assert (await harness.one()).loss == "", "a part is what the handle is for"
    assert await harness.bash(LOG, f"token-saver digest kept:{handle} --lines 1-9999") is None
    assert (await harness.one()).loss == "opened"


async def test_a_kind_that_is_switched_off_passes_everywhere(harness: DigesterHarness) -> None:
    await harness.records.leave_alone("pytest")
    assert await harness.bash(LOG) is None
    [alone] = await harness.records.left_alone()
    assert (alone.project, alone.reason) == ("", BY_USER)


async def test_without_contents_only_figures_are_recorded(tmp_path: Path) -> None:
    harness = DigesterHarness(tmp_path, contents=False)
    assert await harness.bash(LOG) is not None
    record = await harness.one()
    assert (record.source, record.text, record.kept_path) == ("", "", "")
    assert record.whole_tokens > LEAST_TOKENS
    assert await harness.bash(LOG) is None
    assert (await harness.one()).loss == "again"


async def test_an_unwritable_disk_lets_the_result_pass(harness: DigesterHarness) -> None:
    harness.texts.write_text("a file where the folder should be")
    assert await harness.bash(LOG) is None


async def test_a_digest_that_takes_too_long_lets_the_result_pass(
    harness: DigesterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.0)
    assert await harness.bash(LOG) is None


async def test_many_results_at_once_are_digested_or_pass(harness: DigesterHarness) -> None:
    found = await asyncio.gather(*(harness.bash(LOG, f"pytest -v {number}") for number in range(8)))
    made = [text for text in found if text is not None]
    assert made
    assert len(await harness.records.latest(20)) == len(made)
    assert all(path.stat().st_size for path in harness.texts.glob("*.txt"))
