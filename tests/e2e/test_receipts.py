"""Worked examples of receipts, one for each kind of call, through a real client, with the arithmetic.

Claude Opus 5.5, family B: a written token costs 31.83 micro-dollars, a context token 11.83, a token of the
definitions' share 16.23, a turn 14,100 (see ``tests/ledger/test_receipt.py``, which derives these numbers).
"""

import asyncio
import io
import json
from collections.abc import Mapping
from csv import DictReader
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from mcp_types import Tool

from server.common.days import seconds_to_midnight
from server.ledger.prices import microusd
from server.ledger.tokens import estimate_definitions, estimate_result, estimate_tokens
from server.store.history import History
from server.store.records import OffloadDetail, OffloadFilter, OffloadRow, ReceiptRecord
from server.tools.make_tool import ALWAYS_LOAD_KEY
from server.tools.mcp_server import INSTRUCTIONS
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_commands import run
from tests.mcp_clients import bridge_client, http_client, text_of
from tests.standins.answers import Answer
from tests.standins.serving import wait_until

OUTPUT, CONTEXT, DEFINITIONS = Decimal("31.83"), Decimal("11.83"), Decimal("16.23")
TURN = 14_100

PAGE = "".join(f"{word} world\n" for word in ("hello", "about", "other", "never", "again") * 20)
"""words 200 x 0.2742 + letters 1,000 x 0.2787 + newlines 100 x 1.0029 = 54.84 + 278.70 + 100.29 = 433.83"""
NOTE = "".join(f"{word} line\n" for word in ("first", "third", "sixth", "tenth") * 10)
"""words 80 x 0.2742 + letters 360 x 0.2787 + newlines 39 x 1.0029 (except the last) = 21.936 + 100.332
+ 39.1131 = 161.3811"""

FILE_CALL = {"task": "Write it", "files": ["a.md"], "output": "b.md"}
"""call 22.2352 + 3 parameters x 19.538 + 15 letters of names x 0.9301             =  94.8007
Write it    words 2 x 0.2742 + letters 7 x 0.2787                                  =   2.4993
["a.md"]    words 2 x 0.2742 + letters 3 x 0.2787 + marks 5 x 0.4425 + 3 x 0.8072  =   6.0186
b.md        words 2 x 0.2742 + letters 3 x 0.2787 + marks 1 x 0.4425 + 1 x 0.8072  =   2.6342
                                                                                     105.9528"""


class Client:
    """Makes calls as Claude does, and reads the receipts from the hub's history."""

    def __init__(self, stage: ClientHarness) -> None:
        self.stage = stage

    def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        async def use() -> str:
            async with bridge_client(self.stage.hub.environ, self.stage.project) as client:
                return text_of(await client.call_tool(tool, dict(arguments)))

        return asyncio.run(use())

    @property
    def share(self) -> int:
        """A fifth of a session's cost for the always-loaded definitions."""

        async def list_tools() -> list[dict[str, Any]]:
            async with bridge_client(self.stage.hub.environ, self.stage.project) as client:
                return [
                    {"name": tool.name, "description": tool.description, "input_schema": _as_sent(tool)}
                    for tool in (await client.list_tools()).tools
                    if (tool.meta or {}).get(ALWAYS_LOAD_KEY)
                ]

        return round(estimate_definitions(asyncio.run(list_tools()), INSTRUCTIONS, "B") / 5)

    def receipts(self) -> list[ReceiptRecord]:
        """The receipts of this project's offloads, oldest first."""
        return [each.receipt for each in self._details() if each.receipt]

    def tokens_of_diff(self) -> int:
        """The tokens of the newest offload's diff."""
        return int(estimate_tokens(self._details()[-1].diff, "B") + 0.5)

    def rows(self) -> list[OffloadRow]:
        """The rows of this project's offloads, oldest first."""
        return [each.row for each in self._details()]

    def _details(self) -> list[OffloadDetail]:
        async def read() -> list[OffloadDetail]:
            history = await History.open(self.stage.hub.home / "history.db", owner=False)
            try:
                rows = await history.page(OffloadFilter(project=str(self.stage.project)), limit=100)
                details = [await history.get(row.id) for row in reversed(rows)]
            finally:
                await history.close()
            return [detail for detail in details if detail is not None]

        return asyncio.run(read())


@pytest.fixture
def client(stage: ClientHarness) -> Client:
    (stage.project / "a.md").write_text(PAGE)
    stage.ollama.answers.default = Answer(NOTE)
    return Client(stage)


def tokens_of(answer: str, *, error: bool = False) -> int:
    """Return the tokens of the text that Claude got."""
    return round(estimate_result(answer, "B", error))


def test_file_in_and_file_out(client: Client) -> None:
    digest = client.call("offload_work", FILE_CALL)
    [receipt] = client.receipts()
    share = client.share
    # Nothing checks prose, so the instructions tell Claude to look at the diff.
    spent_input = tokens_of(digest) + client.tokens_of_diff()
    assert (client.stage.project / "b.md").read_text() == NOTE
    saved = microusd(434 * CONTEXT + 161 * OUTPUT + 2 * TURN)
    cost = microusd(106 * OUTPUT + spent_input * CONTEXT + share * DEFINITIONS + TURN)
    assert replace(receipt, terms="") == ReceiptRecord(
        family="B",
        price_model="opus-5.5",
        spared_input=434,
        spared_output=161,
        spent_output=106,
        spent_input=spent_input,
        spent_share=share,
        net_tokens=434 + 161 - 106 - spent_input - share,
        spared_microusd=saved,
        spent_microusd=cost,
        net_microusd=saved - cost,
        spared_turns=2_000,  # reading and writing
        spent_turns=1_000,
    )
    assert f"{receipt.net_tokens:+,}" in digest


def test_inline_text(client: Client) -> None:
    client.call("offload_work", {"task": "Write it", "context": PAGE, "output": "b.md"})
    # call 22.2352 + 3 x 19.538 + 17 letters x 0.9301 + 2.4993 + 433.83 + 2.6342 = 535.6244
    [receipt] = client.receipts()
    assert (receipt.spared_input, receipt.spared_output, receipt.spent_output) == (0, 161, 536)


def test_a_returned_text(client: Client) -> None:
    answer = client.call("offload_work", {"task": "Write it", "files": ["a.md"]})
    # call 22.2352 + 2 x 19.538 + 9 x 0.9301 + 2.4993 + 6.0186 = 78.2000
    [receipt] = client.receipts()
    assert (receipt.spared_input, receipt.spared_output) == (434, 0)
    assert (receipt.spent_output, receipt.spent_input) == (78, tokens_of(answer))


def test_compress(client: Client) -> None:
    answer = client.call("compress_context", {"files": ["a.md"], "max_length": 400})
    # call 22.2352 + 2 x 19.538 + 15 x 0.9301 + 6.0186 + 400: digits 3 x 0.1675 + run 1.3722 = 83.1560
    [receipt] = client.receipts()
    # Of a log or a text that is condensed, Claude usually reads a tail of 400 tokens.
    assert (receipt.spared_input, receipt.spared_output) == (400, 0)
    assert (receipt.spent_output, receipt.spent_input) == (83, tokens_of(answer))
    assert receipt.net_tokens == 400 - 83 - tokens_of(answer) - client.share


def test_only_what_was_sent_costs(client: Client) -> None:
    client.call("compress_context", {"files": ["a.md"]})
    # call 22.2352 + 1 x 19.538 + 5 x 0.9301 + 6.0186 = 52.4423: Claude does not write defaults
    [receipt] = client.receipts()
    assert receipt.spent_output == 52


def test_a_batch_of_forty(client: Client) -> None:
    (client.stage.project / "a.md").unlink()
    for number in range(40):
        (client.stage.project / f"page{number}.md").write_text(PAGE)
    call = {"task": "Write it", "each": ["*.md"], "output": "{stem}.txt"}
    # call 22.2352 + 3 parameters x 19.538 + 14 letters of names x 0.9301                =  93.8706
    # Write it                                                                           =   2.4993
    # ["*.md"]    word 0.2742 + letters 2 x 0.2787 + marks 6 x 0.4425 + 2 x 0.8072       =   5.1010
    # {stem}.txt  words 2 x 0.2742 + letters 7 x 0.2787 + marks 3 x 0.4425 + 2 x 0.8072  =   5.4412
    #                                                                                      106.9121
    digest = client.call("batch_offload", call)
    receipts = client.receipts()
    share = client.share
    assert len(receipts) == 40
    assert {(each.spared_input, each.spared_output) for each in receipts} == {(434, 161)}
    assert {each.spent_output for each in receipts} == {2, 3}  # 107 / 40 = 2.675
    assert sum(each.spent_output for each in receipts) == 107
    assert sum(each.spent_input for each in receipts) == tokens_of(digest)
    assert sum(each.spent_share for each in receipts) == share
    net = 40 * (434 + 161) - 107 - tokens_of(digest) - share
    assert sum(each.net_tokens for each in receipts) == net
    assert f"Net {net:+,} tokens" in digest


def test_an_input_counts_as_saved_once_in_a_session(client: Client) -> None:
    async def use() -> None:
        async with bridge_client(client.stage.hub.environ, client.stage.project) as session:
            for output in ("b.txt", "c.txt"):
                await session.call_tool("offload_work", FILE_CALL | {"output": output})
            (client.stage.project / "a.md").write_text(NOTE)
            await session.call_tool("offload_work", FILE_CALL | {"output": "d.txt"})

    asyncio.run(use())
    # The page counts once, then not again; then the file has changed: 40 newlines make it 162.384.
    assert [each.spared_input for each in client.receipts()] == [434, 0, 162]
    assert [each.spared_output for each in client.receipts()] == [161, 161, 161]


def test_a_shared_input_of_a_batch_counts_as_saved_once(client: Client) -> None:
    for number in range(3):
        (client.stage.project / f"part{number}.md").write_text(NOTE)
    call = {"task": "Write it", "each": ["part*.md"], "files": ["a.md"], "output": "{stem}.txt"}
    assert "3 of 3 done" in client.call("batch_offload", call)
    assert sum(each.spared_input for each in client.receipts()) == 434 + 3 * 162


def test_questions_about_a_batch_are_part_of_its_cost(client: Client) -> None:
    (client.stage.project / "b.md").write_text(PAGE)
    begun = client.call(
        "batch_offload", {"task": "Write it", "each": ["*.md"], "output": "{stem}.txt", "wait": False}
    )
    job = begun.split()[1]
    # call 106.9121 + 19.538 + 4 letters x 0.9301 + false: word 0.2742 + letters 5 x 0.2787 = 131.8382
    ended = client.call("check_job", {"job": job, "wait": 60})
    receipts = client.receipts()
    assert "2 of 2 done" in ended
    # call 22.2352 + 2 x 19.538 + 7 x 0.9301 + the job's id + 60: digits 2 x 0.1675 + run 1.3722
    looked = 22.2352 + 2 * 19.538 + 7 * 0.9301 + tokens_of_id(job) + 2 * 0.1675 + 1.3722
    assert sum(each.spent_output for each in receipts) == 132 + round(looked)
    assert sum(each.spent_input for each in receipts) == tokens_of(begun) + tokens_of(ended)
    assert sum(each.spent_share for each in receipts) == client.share


def test_a_failure_costs_in_full(client: Client) -> None:
    answer = client.call("offload_work", FILE_CALL | {"files": ["c.md"]})
    [receipt] = client.receipts()
    spent_input, share = tokens_of(answer, error=True), client.share
    assert (receipt.spared_input, receipt.spared_output, receipt.spent_output) == (0, 0, 106)
    assert (receipt.spent_input, receipt.spent_share) == (spent_input, share)
    assert receipt.net_tokens == -(106 + spent_input + share)


def test_a_refused_call_costs_in_full(client: Client) -> None:
    answer = client.call("batch_offload", {"task": "Write it"})
    # call 22.2352 + 1 x 19.538 + 4 x 0.9301 + 2.4993 = 47.9929
    [receipt] = client.receipts()
    assert answer.startswith("bad_arguments: ")
    assert (receipt.spared_input, receipt.spared_output, receipt.spent_output) == (0, 0, 48)
    assert (receipt.spent_input, receipt.spent_share) == (tokens_of(answer, error=True), client.share)


@pytest.fixture
def far_from_midnight() -> None:
    """Wait if midnight is near, because records from before it do not count as today."""
    wait_until(lambda: seconds_to_midnight() > 60, 120)


@pytest.mark.usefixtures("far_from_midnight")
def test_the_users_own_calls_save_claude_nothing(own_stage: ClientHarness) -> None:
    own_stage.ollama.answers.default = Answer(NOTE)
    for name in ("a.md", "c.md"):
        (own_stage.project / name).write_text(PAGE)
    client = Client(own_stage)
    # Longer than the limit for Claude's calls; for the user's own calls it costs nothing.
    context = ("--context", "A fact that nobody wrote down so far. " * 100)
    digest = run(own_stage, "offload", "Write it", "--file", "a.md", "--output", "b.md", *context)
    assert "net 0, not by Claude" in digest
    said = run(own_stage, "batch", "Write it", "--each", "[ac].md", "--output", "{stem}.txt", "--detach")
    job = said.split()[1]
    assert "Net 0, not by Claude" in run(own_stage, "jobs", "wait", job)
    run(own_stage, "jobs", "show", job)
    assert "not by Claude" in run(own_stage, "jobs")
    assert all(
        (each.net_tokens, each.spared_microusd, each.spent_microusd) == (0, 0, 0)
        for each in client.receipts()
    )
    would_save = sum(each.would_save_tokens for each in client.rows())
    assert would_save  # a loss, because of the long context
    said = run(own_stage, "status")
    assert "your own calls: 3 of 3 (no savings counted)" in said
    assert f"they would have saved {would_save:+,} tokens" in said
    [line] = DictReader(io.StringIO(run(own_stage, "savings", "--csv", "--by", "day")))
    assert (line["offloads"], line["by_user"], line["net_tokens"]) == ("3", "3", "0")
    assert line["would_save_tokens"] == str(would_save)
    assert f"by you ({client.rows()[0].would_save_tokens:+,})" in run(own_stage, "history")


@pytest.mark.parametrize("name", ["dashboard", "token-saver"])
def test_an_agent_named_like_this_app_counts_as_an_agent(client: Client, name: str) -> None:
    async def use() -> None:
        async with http_client(client.stage.hub, "2026-07-28", name) as agent:
            await agent.call_tool("offload_work", {"task": "Write it", "files": ["no.md"]})

    asyncio.run(use())

    async def read() -> list[OffloadRow]:
        history = await History.open(client.stage.hub.home / "history.db", owner=False)
        try:
            return list(await history.page(OffloadFilter(client=f"{name} (MCP)"), limit=10))
        finally:
            await history.close()

    [row] = asyncio.run(read())
    assert row.net_tokens < 0
    assert not row.by_user


def test_the_users_questions_about_claudes_batch_cost_nothing(client: Client) -> None:
    arguments = {"task": "Write it", "each": ["*.md"], "output": "{stem}.txt"}
    job = client.call("batch_offload", arguments).split()[1]
    before = client.receipts()
    for action in ("wait", "show", "retry"):
        run(client.stage, "jobs", action, job)
    assert client.receipts() == before
    # Claude's own question has a cost.
    client.call("check_job", {"job": job})
    assert sum(each.net_tokens for each in client.receipts()) < sum(each.net_tokens for each in before)


def test_a_hand_back_costs_in_full(client: Client) -> None:
    client.stage.ollama.answers.default = Answer("")
    answer = client.call("offload_work", FILE_CALL)
    [receipt] = client.receipts()
    assert not (client.stage.project / "b.md").exists()
    assert (receipt.spared_input, receipt.spared_output, receipt.spent_output) == (0, 0, 106)
    assert receipt.net_tokens == -(106 + tokens_of(answer) + client.share)


@pytest.mark.usefixtures("far_from_midnight")
def test_a_losing_call_is_negative_everywhere(own_stage: ClientHarness) -> None:
    own_stage.ollama.answers.default = Answer("Yes.\n")
    client = Client(own_stage)
    # It saves the turn of writing and costs one.
    digest = client.call("offload_work", {"task": "Write it", "output": "b.md"})
    [receipt] = client.receipts()
    # Yes.: word 0.2742 + letters 3 x 0.2787 + mark 0.4425 + 0.8072 = 2.3600
    assert (receipt.spared_input, receipt.spared_output) == (0, 2)
    assert (receipt.spared_turns, receipt.spent_turns) == (1_000, 1_000)
    net = 2 - receipt.spent_output - tokens_of(digest) - client.tokens_of_diff() - client.share
    shown, dollars = f"{net:+,}", receipt.net_microusd / 1e6
    assert receipt.net_tokens == net < 0 > dollars
    assert shown in digest
    report = client.call("cost_dashboard", {})
    assert report.count(shown) == 6  # today, 7 days, all, its tool, its model, the worst loss
    assert f"-${-dollars:.2f}" in report
    totals = own_stage.hub.get("/api/status")
    assert totals["saved_today"]["net_tokens"] == totals["saved_all"]["net_tokens"] == net
    metrics = json.loads(client.call("get_metrics", {}))
    assert {each["value"] for each in metrics["token_saver_net_tokens"]} == {net}
    assert {each["value"] for each in metrics["token_saver_net_dollars"]} == {dollars}
    assert f'token_saver_net_tokens{{basis="estimated"}} {float(net)}' in client.call(
        "get_metrics", {"format": "prometheus"}
    )
    assert shown in run(own_stage, "savings")
    assert shown in run(own_stage, "status")
    [row] = json.loads(run(own_stage, "savings", "--json"))
    assert (row["net_tokens"], row["net_microusd"]) == (net, receipt.net_microusd)
    [line] = DictReader(io.StringIO(run(own_stage, "savings", "--csv", "--by", "day")))
    assert (int(line["net_tokens"]), int(line["net_microusd"])) == (net, receipt.net_microusd)


def _as_sent(tool: Tool) -> dict[str, Any]:
    """Return the schema in the hub's key order; the client's library puts its type first."""
    schema = dict(tool.input_schema)
    return schema | {"type": schema.pop("type")}


def tokens_of_id(job: str) -> float:
    """Return the tokens of an id, which has letters and digits in any order, without framing."""
    return estimate_result(job, "B") - estimate_result("", "B")
