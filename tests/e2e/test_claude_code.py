"""Tests with the real Claude Code CLI through the bridge; only Claude's model is a stand-in."""

import ast

from tests.bridge_client import BRIDGE
from tests.e2e.conftest import ClientHarness
from tests.e2e.test_offload import FENCED, SLUGIFY, TASK, history
from tests.standins.claude_code import ClaudeCodeRun, run_claude_code
from tests.standins.messages import MessagesStandIn, Text, ToolUse

TOOL = "mcp__token-saver__offload_work"


def server(stage: ClientHarness) -> dict[str, dict[str, object]]:
    command, *arguments = BRIDGE
    environ = {"TOKEN_SAVER_HOME": stage.hub.environ["TOKEN_SAVER_HOME"]}
    return {"token-saver": {"command": command, "args": arguments, "env": environ}}


def session(stage: ClientHarness, api: MessagesStandIn, prompt: str) -> ClaudeCodeRun:
    """Run the client in the project, with this app's server."""
    return run_claude_code(
        prompt,
        api.url,
        home=stage.project.parent / "claude",
        project=stage.project,
        servers=server(stage),
    )


def test_claude_code_offloads_a_chore(stage: ClientHarness) -> None:
    stage.ollama.answers.when("slugify", FENCED)
    script = [
        [Text("I hand this over."), ToolUse(TOOL, {"task": TASK, "output": "slug.py"})],
        [Text("slug.py is there.")],
    ]
    with MessagesStandIn(script) as api:
        run = session(stage, api, "Write slugify.")
    assert run.result["result"] == "slug.py is there."
    assert "slugify" in ast.dump(ast.parse((stage.project / "slug.py").read_text()))
    [result] = api.tool_results()
    assert not result.get("is_error")
    [block] = result["content"]
    assert len(block["text"]) < 400
    assert SLUGIFY not in block["text"]
    [row] = history(stage)
    assert row.client == "claude-code"
    assert row.project == str(stage.project)
    assert any(result["tool_use_id"] in transcript.read_text() for transcript in run.transcripts)


def test_claude_code_sees_the_core_tool_from_the_start(stage: ClientHarness) -> None:
    with MessagesStandIn([[Text("Hello.")]]) as api:
        session(stage, api, "Say hello.")
    asked = next(request for request in api.requests if request.get("tools"))
    [tool] = [tool for tool in asked["tools"] if tool["name"] == TOOL]
    assert "paths" in tool["description"].lower()
    assert "title" not in tool["input_schema"]
    assert "token-saver" in str(asked["system"]) or "token-saver" in str(asked["messages"])


def test_claude_code_reads_an_error_with_its_next_step(stage: ClientHarness) -> None:
    script = [[ToolUse(TOOL, {"task": TASK, "output": "/etc/slug.py"})], [Text("It did not work.")]]
    with MessagesStandIn(script) as api:
        session(stage, api, "Write it.")
    [result] = api.tool_results()
    assert result["is_error"]
    assert "path_outside_roots: " in str(result["content"])


def test_claude_code_offers_the_prompts_as_slash_commands(stage: ClientHarness) -> None:
    with MessagesStandIn([[Text("Hello.")]]) as api:
        session(stage, api, "/mcp__token-saver__digest build.log linker")
    asked = str([request["messages"] for request in api.requests if request.get("tools")])
    assert "Make a digest of build.log with the focus `linker`" in asked
