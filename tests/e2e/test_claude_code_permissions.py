"""Tests with the real Claude Code CLI: this app does not read or write files that Claude Code may not."""

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from tests.e2e.conftest import ClientHarness
from tests.e2e.test_claude_code import TOOL, session
from tests.standins.messages import MessagesStandIn, Text, ToolUse, Turn


def results_of(stage: ClientHarness, *script: Turn) -> list[tuple[bool, str]]:
    """Run a session in which Claude makes these calls, and return whether each failed, and its text."""
    with MessagesStandIn([*script, [Text("Done.")]]) as api:
        session(stage, api, "Do it.")
    return [(bool(result.get("is_error")), str(result["content"])) for result in api.tool_results()]


def test_settings_that_claude_code_may_not_write_are_not_written_for_it(stage: ClientHarness) -> None:
    trap = stage.project.parent / "trap"
    settings = json.dumps(hooks_that_run(f"touch {trap}"))
    stage.ollama.answers.when("settings", settings)
    (stage.project / ".claude").mkdir()
    (stage.project / "config").symlink_to(".claude")
    file = stage.project / ".claude" / "settings.json"
    offload = {"task": "Write the settings.", "output_format": "raw"}
    with denied(stage) as asked:
        results = results_of(
            stage,
            [
                ToolUse("Write", {"file_path": str(file), "content": settings}),
                ToolUse(TOOL, {**offload, "output": ".claude/settings.json"}),
                ToolUse(TOOL, {**offload, "output": str(stage.project / "config" / "settings.json")}),
                ToolUse(TOOL, {**offload, "output": "src/../.CLAUDE/settings.local.json"}),
            ],
        )
    assert len(asked) == 3
    assert [failed for failed, _ in results] == [True] * 4
    assert all("denied: The user did not approve the call" in text for _, text in results[1:])
    assert [path for path in stage.project.rglob("*") if path.is_file()] == []
    results_of(stage)
    assert not trap.exists(), "the next session runs no hook"


def test_files_that_claude_code_may_not_read_are_not_read_for_it(stage: ClientHarness) -> None:
    secret = stage.project / "secrets" / "plan.txt"
    for file, text in (
        (secret, "the secret plan\n" * 300),
        (
            stage.project / ".claude" / "settings.json",
            json.dumps({"permissions": {"deny": ["Read(./secrets/**)"]}}),
        ),
    ):
        file.parent.mkdir()
        file.write_text(text)
    (stage.project / "link.txt").symlink_to(secret)
    compress = "mcp__token-saver__compress_context"
    results = results_of(
        stage,
        [
            ToolUse("Read", {"file_path": str(secret)}),
            ToolUse(TOOL, {"task": "Say what it says.", "files": ["secrets/plan.txt"]}),
            ToolUse(TOOL, {"task": "Say what it says.", "files": ["link.txt"]}),
            ToolUse(compress, {"files": ["secrets/../secrets/plan.txt"], "focus": "the plan"}),
        ],
    )
    assert [failed for failed, _ in results] == [True] * 4
    assert all("path_protected: The user's rules forbid reading" in text for _, text in results[1:])
    assert "the secret plan" not in str([results, stage.ollama.requests])


@contextlib.contextmanager
def denied(stage: ClientHarness) -> Iterator[set[str]]:
    """Answer every question of the app with no within the ``with`` block, and collect the calls' ids."""
    over, asked = threading.Event(), set[str]()
    address = f"{stage.hub.info.url}/api/approvals"
    headers = {"Authorization": f"Bearer {stage.hub.token}"}

    def answer() -> None:
        while not over.wait(0.5):
            for call in stage.hub.get("/api/approvals")["waiting"]:
                body = {"id": call["id"], "answer": "no"}
                httpx.post(
                    address, json=body, headers=headers, trust_env=False, timeout=60
                ).raise_for_status()
                asked.add(call["id"])

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()


def hooks_that_run(command: str) -> dict[str, Any]:
    """Return settings of Claude Code that run a command at the start of each session."""
    return {"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": command}]}]}}
