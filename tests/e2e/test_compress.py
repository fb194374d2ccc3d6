"""Tests of ``compress_context`` through a real client, with a stand-in for Ollama."""

import asyncio

from tests.e2e.conftest import ClientHarness
from tests.mcp_clients import bridge_client, text_of
from tests.standins.answers import Answer

ERROR = "ERROR db: connection refused to 10.2.3.4:5432 after 3 attempts"


def _compress(stage: ClientHarness, **arguments: object) -> str:
    async def call() -> str:
        async with bridge_client(stage.hub.environ, stage.project) as client:
            return text_of(await client.call_tool("compress_context", arguments))

    return asyncio.run(call())


def test_a_long_log_becomes_a_short_digest_that_quotes_the_error(stage: ClientHarness) -> None:
    lines = [f"INFO worker: request {number} served in 12 ms" for number in range(3000)]
    lines[1777] = ERROR
    (stage.project / "service.log").write_text("\n".join(lines))
    stage.ollama.answers.default = Answer("- The database refused connections.\n")
    text = _compress(stage, files=["service.log"], focus="errors", max_length=1500)
    assert ERROR in text
    assert "1778" in text
    assert len(text) <= 1500
    assert (stage.project / "service.log").read_text() == "\n".join(lines)


def test_a_call_without_files_and_content_is_an_error(stage: ClientHarness) -> None:
    assert _compress(stage).startswith("bad_arguments: ")
