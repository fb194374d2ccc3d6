"""Tests of the dry run over transcripts, in the format that Claude Code 2.1.332 writes."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from server.ledger.prices import load_prices
from server.tool_results.dry_run import DryRun, dry_run

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
LOG = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]
MODEL = "claude-opus-5.5"

pytestmark = pytest.mark.fast


class TranscriptHarness:
    """A transcript that is written line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "-p" / "session.jsonl"
        self.path.parent.mkdir(parents=True)
        self.number = 0

    def call(self, name: str, arguments: dict[str, Any], response: Any, **more: Any) -> None:
        """Write a request that calls a tool, and the tool's result."""
        self.number += 1
        use = {"type": "tool_use", "id": f"toolu_{self.number}", "name": name, "input": arguments}
        self._answer([use])
        block = {"type": "tool_result", "tool_use_id": f"toolu_{self.number}", "content": "as shown", **more}
        self._line("user", {"role": "user", "content": [block]}, toolUseResult=response)

    def bash(self, text: str, command: str = "pytest -v", **more: Any) -> None:
        response = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
        self.call("Bash", {"command": command}, response, **more)

    def say(self, times: int = 1) -> None:
        """Write requests without calls."""
        for _ in range(times):
            self.number += 1
            self._answer([{"type": "text", "text": "Hm."}])

    def compact(self) -> None:
        self._line("user", {"role": "user", "content": "Summary"}, isCompactSummary=True)

    def run(self) -> DryRun:
        return dry_run(self.folder, load_prices())

    def _answer(self, content: list[dict[str, Any]]) -> None:
        usage = {
            "input_tokens": 10,
            "cache_creation_input_tokens": 1_000,
            "cache_creation": {"ephemeral_1h_input_tokens": 400, "ephemeral_5m_input_tokens": 600},
            "cache_read_input_tokens": 20_000,
            "output_tokens": 100,
        }
        message = {"id": f"msg_{self.number}", "model": MODEL, "role": "assistant", "content": content}
        # The client writes several lines of one message; they are one request.
        for _ in range(2):
            self._line("assistant", {**message, "usage": usage})

    def _line(self, kind: str, message: dict[str, Any], **more: Any) -> None:
        record = {"type": kind, "message": message, "cwd": "/p", "sessionId": "session", **more}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


@pytest.fixture
def transcript(tmp_path: Path) -> TranscriptHarness:
    return TranscriptHarness(tmp_path)


def test_a_result_counts_once_for_each_request_that_carried_it(transcript: TranscriptHarness) -> None:
    transcript.bash(LOG)
    transcript.say(3)
    [kind] = transcript.run().kinds
    assert (kind.kind, kind.results, kind.losses) == ("pytest", 1, 0)
    assert kind.net_tokens > 5_000
    price = load_prices().find(MODEL)
    assert kind.net_microusd == pytest.approx(
        float(kind.net_tokens * (price.cache_write + 2 * price.cache_read)), abs=1
    )
    transcript.compact()
    transcript.say(50)
    assert transcript.run().kinds == (kind,), "after it was compacted, no request carries it"


def test_the_bill_is_that_of_all_requests(transcript: TranscriptHarness) -> None:
    transcript.say(4)
    found = transcript.run()
    price = load_prices().find(MODEL)
    one = 10 * price.input + 600 * price.cache_write + 400 * 2 * price.input
    one += 20_000 * price.cache_read + 100 * price.output
    assert found.bill_microusd == round(4 * one)
    assert (found.kinds, found.share, found.sessions) == ((), 0.0, 1)
    assert isinstance(one, Decimal)


def test_running_it_again_is_a_loss_and_ends_the_kind(transcript: TranscriptHarness) -> None:
    transcript.bash(LOG)
    transcript.bash(LOG)
    transcript.bash(LOG.replace("test_slot", "test_other"), "pytest -x")
    transcript.say()
    found = transcript.run()
    [kind] = found.kinds
    assert (kind.results, kind.losses) == (1, 1)
    assert kind.net_tokens < 0
    assert found.net_microusd < 0
    assert dict(found.passed) == {"Claude came back for it": 1, "digests stopped after a loss": 1}


def test_after_an_edit_it_is_another_result(transcript: TranscriptHarness) -> None:
    transcript.bash(LOG)
    transcript.call("Edit", {"file_path": "/p/a.py"}, {"filePath": "/p/a.py"})
    transcript.bash(LOG)
    [kind] = transcript.run().kinds
    assert (kind.results, kind.losses) == (2, 0)


def test_small_failed_and_chosen_results_are_left_out(transcript: TranscriptHarness) -> None:
    transcript.bash("ok")
    transcript.bash(LOG, is_error=True)
    transcript.bash(LOG, "pytest -v | tail -400")
    found = transcript.run()
    assert found.kinds == ()
    assert dict(found.passed) == {"a view that Claude chose": 1}


def test_broken_lines_are_skipped(transcript: TranscriptHarness) -> None:
    transcript.bash(LOG)
    with transcript.path.open("a") as file:
        file.write('{"type":"user","message":\n{"type":"assistant","message":5}\n[]\n{"type":"user"')
    assert [kind.results for kind in transcript.run().kinds] == [1]
