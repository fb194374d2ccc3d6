"""Tests of approvals through a real client: who may answer, and how long an answer holds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import ElicitResult

from server.common.events import ApprovalAnswered, ApprovalRequested, Event
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.hub import Hub
from server.policy.approvals import ApprovalAnswer
from server.policy.gate import Gate, Left
from server.policy.values import Call
from server.tools.mcp_server import build_mcp
from tests.mcp_clients import ERAS, text_of

pytestmark = pytest.mark.anyio

POLICY = """\
version: "1"
tools:
  preload_model:
    rules:
      - {name: ask, action: require_approval, on_deny: Models are big, approval_timeout: 5m}
  list_loaded_models:
    rules:
      - {name: soon, action: require_approval, approval_timeout: 1s}
"""
ONCE, SESSION, PROJECT = (
    ApprovalAnswer(approved=True, extent=extent, by="tray") for extent in ("once", "session", "project")
)
NO = ApprovalAnswer(approved=False, by="dashboard", reason="Not while I record")
User = Callable[[ApprovalRequested], ApprovalAnswer | None]


@dataclass
class GateHarness:
    """A hub with a user who answers immediately."""

    hub: Hub
    user: User = lambda _asked: None
    asked: list[ApprovalRequested] = field(default_factory=list)
    answered: list[ApprovalAnswered] = field(default_factory=list)

    def listen(self, event: Event) -> None:
        if isinstance(event, ApprovalRequested):
            self.asked.append(event)
            if (answer := self.user(event)) is not None:
                assert self.hub.answer_approval(event.approval_id, answer)
        if isinstance(event, ApprovalAnswered):
            self.answered.append(event)

    @asynccontextmanager
    async def client(self, mode: str = "2026-07-28", **options: Any) -> AsyncIterator[Client]:
        async with Client(build_mcp(self.hub), mode=mode, **options) as client:
            yield client

    async def preload(self) -> str:
        async with self.client() as client:
            return text_of(await client.call_tool("preload_model", {"model": "m"}))


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[GateHarness]:
    folders = find_folders()
    folders.create()
    folders.policy_file.write_text(POLICY)
    backend = BackendSettings(kind="ollama", url="http://127.0.0.1:9")
    hub = await Hub.start(Settings(backend=backend, roots=(tmp_path,)), folders)
    harness = GateHarness(hub)
    hub.events.subscribe(harness.listen)
    yield harness
    await hub.close()


RAN = "backend_unreachable: "


async def test_once_is_for_one_call(harness: GateHarness) -> None:
    harness.user = lambda _asked: ONCE
    assert [(await harness.preload()).startswith(RAN) for _ in range(2)] == [True, True]
    assert len(harness.asked) == 2
    assert harness.asked[0].reason == "Models are big."


async def test_always_is_for_the_project_and_outlives_the_hub(harness: GateHarness, tmp_path: Path) -> None:
    harness.user = lambda _asked: PROJECT
    assert (await harness.preload()).startswith(RAN)
    assert (await harness.preload()).startswith(RAN)
    assert len(harness.asked) == 1
    await harness.hub.close()
    again = await Hub.start(harness.hub.settings, harness.hub.folders)
    harness.hub = again
    assert (await harness.preload()).startswith(RAN)
    assert len(harness.asked) == 1


async def test_a_denial_has_its_reason(harness: GateHarness) -> None:
    harness.user = lambda _asked: NO
    text = await harness.preload()
    assert text.startswith("denied: The user did not approve the call (Not while I record). ")
    rows = await harness.hub.gate.trail.search(kind="approval")
    assert [(row.verdict, row.text) for row in rows] == [("deny", "Not while I record")]


async def test_no_answer_means_denied(harness: GateHarness) -> None:
    async with harness.client() as client:
        text = text_of(await client.call_tool("list_loaded_models", {}))
    assert text.startswith("denied: The user did not approve the call (No answer in time). ")
    assert harness.hub.snapshot().approvals == ()


@pytest.mark.parametrize("mode", ERAS)
async def test_the_tray_is_faster_than_the_client(harness: GateHarness, mode: str) -> None:
    """The client's dialog is still open when the tray denies; its late approval changes nothing."""

    async def late_yes(_context: object, _params: object) -> ElicitResult:
        while not harness.asked:
            await asyncio.sleep(0.01)
        harness.hub.answer_approval(harness.asked[0].approval_id, NO)
        await asyncio.sleep(0.05)
        return ElicitResult(action="accept", content={"answer": "once"})

    async with harness.client(mode, elicitation_callback=late_yes) as client:
        text = text_of(await client.call_tool("preload_model", {"model": "m"}))
    assert text.startswith("denied: The user did not approve the call (Not while I record). ")
    assert [each.by for each in harness.answered] == ["dashboard"]


@pytest.mark.parametrize("mode", ERAS)
async def test_a_closed_dialog_leaves_the_answer_to_others(harness: GateHarness, mode: str) -> None:
    async def close(_context: object, _params: object) -> ElicitResult:
        asyncio.get_running_loop().call_later(
            0.1, lambda: harness.hub.answer_approval(harness.asked[0].approval_id, ONCE)
        )
        return ElicitResult(action="cancel")

    async with harness.client(mode, elicitation_callback=close) as client:
        text = text_of(await client.call_tool("preload_model", {"model": "m"}))
    assert text.startswith(RAN)
    assert [each.by for each in harness.answered] == ["tray"]


async def test_an_answer_counts_only_for_its_call(harness: GateHarness) -> None:
    """A client that asks between two calls cannot return with a different call."""

    async def story() -> list[str]:
        asked: list[str] = []

        async def yes(_context: object, params: Any) -> ElicitResult:
            asked.append(params.message)
            return ElicitResult(action="accept", content={"answer": "once"})

        async with harness.client(elicitation_callback=yes) as client:
            for model in ("m", "other", "m"):
                await client.call_tool("preload_model", {"model": model})
        return asked

    assert len(await story()) == 3
    assert [each.by for each in harness.answered] == ["client"] * 3


async def test_an_approval_is_bound_to_its_call_by_the_gate_as_well(harness: GateHarness) -> None:
    """The package refuses a call that returns with other arguments; the gate does not rely on that."""
    gate = harness.hub.gate
    calls = [Call("preload_model", {"model": model}, client="c", session="s") for model in ("m", "other")]
    with pytest.raises(Left) as left:
        await enter(gate, calls[0], "")
    asked = left.value.approval.id
    assert harness.hub.answer_approval(asked, ONCE)
    with pytest.raises(Left):
        await enter(gate, calls[1], asked)
    await enter(gate, calls[0], asked)


async def enter(gate: Gate, call: Call, back_from: str) -> None:
    async with gate.enter(call, None, leaves=True, back_from=back_from):
        return
