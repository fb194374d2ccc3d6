"""Tests of ``offload_work`` through a real client, bridge and hub, with a stand-in for Ollama."""

import ast
import asyncio
import os
import signal
from pathlib import Path

import pytest

from server.store.history import History
from server.store.records import OffloadFilter, OffloadRow
from tests.bridge_client import RawClient
from tests.e2e.conftest import ClientHarness
from tests.mcp_clients import ERAS, bridge_client, http_client, text_of
from tests.standins.answers import Answer
from tests.standins.serving import eventually, wait_until

SLUGIFY = '''\
import re


def slugify(text: str) -> str:
    """Return text as a slug."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
'''
FENCED = f"Here it is:\n\n```python\n{SLUGIFY}```\n\nEnjoy!"
TASK = "Write slugify(text) in Python: lower case, runs of other characters become one dash."
SLOW = Answer("word " * 2000, delay=0.05)


def history(stage: ClientHarness) -> tuple[OffloadRow, ...]:
    async def read() -> tuple[OffloadRow, ...]:
        opened = await History.open(stage.hub.home / "history.db", owner=False)
        try:
            return await opened.page(OffloadFilter(project=str(stage.project)))
        finally:
            await opened.close()

    return asyncio.run(read())


@pytest.mark.parametrize("mode", ERAS)
def test_a_checked_file_and_a_summary(stage: ClientHarness, mode: str) -> None:
    delivered = stage.hub.get("/api/status")["saved_all"]["delivered"]
    stage.ollama.answers.when("slugify", FENCED)

    async def offload() -> str:
        async with bridge_client(stage.hub.environ, stage.project, mode) as client:
            result = await client.call_tool("offload_work", {"task": TASK, "output": "slug.py"})
            assert not result.is_error, text_of(result)
            assert result.structured_content is None
            return text_of(result)

    digest = asyncio.run(offload())
    written = (stage.project / "slug.py").read_text()
    assert "slugify" in ast.dump(ast.parse(written))
    assert "```" not in written
    assert len(digest) < 400
    assert "slug.py" in digest
    [row] = history(stage)
    assert (row.outcome, row.client, row.project) == ("delivered", "mcp", str(stage.project))
    wait_until(lambda: stage.hub.get("/api/status")["saved_all"]["delivered"] == delivered + 1)


@pytest.mark.parametrize("mode", ERAS)
def test_progress_is_reported_and_increases(stage: ClientHarness, mode: str) -> None:
    stage.ollama.answers.when("slugify", Answer(FENCED, delay=0.02))
    seen: list[float] = []

    async def note(progress: float, _total: float | None, message: str | None) -> None:
        assert message
        seen.append(progress)

    async def offload() -> None:
        async with bridge_client(stage.hub.environ, stage.project, mode) as client:
            arguments = {"task": TASK, "output": "slug.py"}
            await client.call_tool("offload_work", arguments, progress_callback=note)

    asyncio.run(offload())
    assert seen
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("mode", ERAS)
def test_cancelling_frees_the_engine(stage: ClientHarness, mode: str) -> None:
    stage.ollama.answers.default = SLOW

    async def cancel() -> None:
        async with bridge_client(stage.hub.environ, stage.project, mode) as client:
            call = asyncio.create_task(client.call_tool("offload_work", {"task": TASK, "output": "a.py"}))
            await eventually(lambda: stage.ollama.running == 1)
            call.cancel()
            await eventually(lambda: "dropped" in stage.ollama.outcomes("/api/chat"))
            # The same connection keeps working.
            stage.ollama.answers.when("slugify", FENCED)
            result = await client.call_tool("offload_work", {"task": TASK, "output": "b.py"})
            assert not result.is_error, text_of(result)

    asyncio.run(cancel())
    assert not (stage.project / "a.py").exists()
    wait_until(lambda: {row.outcome for row in history(stage)} == {"cancelled", "delivered"})


@pytest.mark.parametrize("mode", ERAS)
def test_a_dropped_http_call_is_cancelled(stage: ClientHarness, mode: str) -> None:
    """This includes disconnected clients of 2025, for which the protocol defines no cancellation."""
    stage.ollama.answers.default = SLOW

    async def vanish() -> None:
        async with http_client(stage.hub, mode) as client:
            call = asyncio.create_task(client.call_tool("offload_work", {"task": TASK}))
            await eventually(lambda: stage.ollama.running == 1)
            call.cancel()

    asyncio.run(vanish())
    wait_until(lambda: "dropped" in stage.ollama.outcomes("/api/chat"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("legacy", [True, False])
def test_a_killed_client_leaves_no_running_work(stage: ClientHarness, legacy: bool) -> None:
    stage.ollama.answers.default = SLOW
    with RawClient(stage.hub.environ, stage.project) as client:
        arguments = {"name": "offload_work", "arguments": {"task": TASK, "output": "a.py"}}
        if legacy:
            client.initialize()
            client.send("tools/call", arguments)
        else:
            client.send_modern("tools/call", arguments)
        wait_until(lambda: stage.ollama.running == 1)
        client.process.send_signal(signal.SIGKILL)
        wait_until(lambda: "dropped" in stage.ollama.outcomes("/api/chat"))
    wait_until(lambda: not stage.hub.get("/api/status")["running"])


def test_pings_are_answered_while_a_call_runs(stage: ClientHarness) -> None:
    stage.ollama.answers.default = SLOW
    with RawClient(stage.hub.environ, stage.project) as client:
        client.initialize()
        call = client.send("tools/call", {"name": "offload_work", "arguments": {"task": TASK}})
        wait_until(lambda: stage.ollama.running == 1)
        assert client.request("ping")["result"] == {}
        client.notify("notifications/cancelled", {"requestId": call})
        wait_until(lambda: "dropped" in stage.ollama.outcomes("/api/chat"))
        client.request("ping")
    assert [message for message in client.received if message.get("id") == call] == []


def test_writes_are_limited_to_the_clients_roots(stage: ClientHarness, tmp_path: Path) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    other = tmp_path / "another root ü"
    other.mkdir()

    async def offload() -> str:
        async with bridge_client(stage.hub.environ, stage.project, "legacy", roots=(other,)) as client:
            arguments = {"task": TASK, "output": str(other / "slug.py")}
            return text_of(await client.call_tool("offload_work", arguments))

    digest = asyncio.run(offload())
    assert (other / "slug.py").exists(), digest


def test_the_projects_name_may_be_anything(stage: ClientHarness, tmp_path: Path) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    odd = tmp_path / "ünïcode & 100% + spaces"
    odd.mkdir()

    async def offload() -> str:
        async with bridge_client(stage.hub.environ, odd) as client:
            return text_of(await client.call_tool("offload_work", {"task": TASK, "output": "slug.py"}))

    digest = asyncio.run(offload())
    assert (odd / "slug.py").exists(), digest


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"task": TASK, "output": "../outside.py"}, "path_outside_roots"),
        ({"task": TASK, "files": ["none.py"]}, "path_not_found"),
        ({"task": TASK, "files": ["blob.bin"]}, "binary_file"),
        ({"task": TASK, "files": ["folder"]}, "not_a_file"),
        ({"task": TASK, "model": "no-such-model"}, "model_not_found"),
        ({"task": "  "}, "bad_arguments"),
        ({"task": TASK, "outputs": "slug.py"}, "bad_arguments"),
        ({"task": TASK, "output_format": "poem"}, "bad_arguments"),
        ({"files": []}, "bad_arguments"),
    ],
)
def test_bad_input_is_a_clear_error_and_changes_nothing(
    stage: ClientHarness, arguments: dict[str, object], code: str
) -> None:
    (stage.project / "blob.bin").write_bytes(bytes(range(256)))
    (stage.project / "folder").mkdir()
    before = sorted(stage.project.parent.rglob("project/**/*"))

    async def offload() -> str:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            result = await client.call_tool("offload_work", arguments)
            assert result.is_error
            return text_of(result)

    text = asyncio.run(offload())
    assert text.startswith(f"{code}: "), text
    assert "Traceback" not in text
    assert sorted(stage.project.parent.rglob("project/**/*")) == before


def test_an_engine_that_dies_during_a_call(own_stage: ClientHarness) -> None:
    own_stage.ollama.answers.default = Answer(FENCED, ends="broken")

    async def offload() -> str:
        async with bridge_client(own_stage.hub.environ, own_stage.project) as client:
            result = await client.call_tool("offload_work", {"task": TASK, "output": "slug.py"})
            assert result.is_error
            return text_of(result)

    assert asyncio.run(offload()).startswith("backend_")
    assert not (own_stage.project / "slug.py").exists()


def test_an_answer_that_is_all_thinking_is_handed_back(stage: ClientHarness) -> None:
    stage.ollama.answers.default = Answer("", thinking="Let me think about it.")

    async def offload() -> str:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            return text_of(await client.call_tool("offload_work", {"task": TASK, "output": "slug.py"}))

    assert asyncio.run(offload()).strip()
    assert not (stage.project / "slug.py").exists()
    [row] = history(stage)
    assert row.outcome == "handed_back"


def test_a_hub_that_dies_during_a_call(own_stage: ClientHarness) -> None:
    own_stage.ollama.answers.default = SLOW
    with RawClient(own_stage.hub.environ, own_stage.project) as client:
        client.initialize()
        call = client.send("tools/call", {"name": "offload_work", "arguments": {"task": TASK}})
        wait_until(lambda: own_stage.ollama.running == 1)
        own_stage.hub.process.kill()
        error = client.answer(call)["error"]
    assert error["message"].startswith("hub_unreachable: ")
    assert "Call again" in error["message"]


def test_work_of_a_killed_hub_is_marked_as_interrupted(own_stage: ClientHarness) -> None:
    own_stage.ollama.answers.default = SLOW
    with RawClient(own_stage.hub.environ, own_stage.project) as client:
        client.send_modern("tools/call", {"name": "offload_work", "arguments": {"task": TASK}})
        wait_until(lambda: own_stage.ollama.running == 1)
        own_stage.hub.process.kill()
        own_stage.hub.process.wait()

    async def reopen() -> tuple[OffloadRow, ...]:
        opened = await History.open(own_stage.hub.home / "history.db")
        try:
            return await opened.page(OffloadFilter())
        finally:
            await opened.close()

    assert [row.outcome for row in asyncio.run(reopen())] == ["interrupted"]


def test_a_client_started_outside_projects_has_no_project(stage: ClientHarness) -> None:
    async def offload() -> str:
        async with bridge_client(stage.hub.environ, Path("/")) as client:
            arguments = {"task": "Say what it says.", "files": ["etc/hostname"]}
            return text_of(await client.call_tool("offload_work", arguments))

    assert asyncio.run(offload()).startswith("path_outside_roots: ")
