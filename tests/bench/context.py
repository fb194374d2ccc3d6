"""Benchmark of the server's share of Claude's context: ``uv run python -m tests.bench.context``.

Prints the characters and estimated tokens (newest family) of the tools' definitions and the instructions, and
of each tool's answer in a typical call, as a client gets them over ``/mcp`` from a real hub in front of a
stand-in engine. Other servers' ``tools/list`` were measured in the same way on 2026-11-01.
"""

import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

from mcp.client.client import Client

from server.ledger.tokens import NEWEST, estimate_definitions, estimate_result
from tests.hub_process import HubProcess, start_hub
from tests.mcp_clients import http_client, text_of
from tests.standins.answers import Answer
from tests.standins.ollama import CODER, OllamaStandIn

RESULT = Path(__file__).parent / "results" / "context.json"
OTHERS = {
    "local-coding-agent": (1, 590),
    "mcp-ollama": (3, 1290),
    "offload-mcp": (3, 3079),
    "mcp-ollama-vllm": (4, 4526),
    "ollama-mcp (rawveg)": (13, 6081),
    "ollama-handoff": (8, 7195),
    "houtini-lm": (8, 15198),
}
"""Servers with the same purpose: number of tools, characters of the compact JSON of ``tools/list``."""
LOG = "\n".join(f"04:41:{n % 60:02} INFO worker {n % 7} did job {n}" for n in range(400))
CODE = "```python\ndef total(values):\n    return sum(values)\n```"


def main() -> None:
    """Measure, print, write."""
    with tempfile.TemporaryDirectory() as name, OllamaStandIn() as engine:
        project = Path(name) / "project"
        project.mkdir()
        (project / "app.log").write_text(LOG.replace("worker 3 did job 101", "worker 3 FAILED: port 99"))
        for number in range(3):
            (project / f"part{number}.py").write_text(f"def part{number}():\n    return {number}\n")
        engine.answers.default = Answer(CODE)
        engine.answers.when("app.log", "- L102: worker 3 FAILED: port 99")
        settings = {"TOKEN_SAVER_BACKEND__URL": engine.url, "TOKEN_SAVER_ROOTS": json.dumps([str(project)])}
        with start_hub(Path(name) / "hub", **settings) as hub:
            figures = asyncio.run(_measure(hub))
    _print(figures)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


async def _measure(hub: HubProcess) -> dict[str, Any]:
    async with http_client(hub, "legacy") as client:
        listed = await client.list_tools()
        definitions = [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools
        ]
        instructions = client.instructions or ""
        answers = {}
        for name, arguments in _calls():
            text = await _call(client, name, arguments)
            shown = name if name not in answers else f"{name} (dry run)"
            answers[shown] = {"characters": len(text), "tokens": round(estimate_result(text, NEWEST))}
    claudes = [
        {"name": each["name"], "description": each["description"], "input_schema": each["inputSchema"]}
        for each in definitions
    ]
    return {
        "tools": len(definitions),
        "characters": sum(len(json.dumps(each, separators=(",", ":"))) for each in claudes),
        "instructions": len(instructions),
        "tokens": estimate_definitions(claudes, instructions, NEWEST),
        "answers": answers,
    }


def _calls() -> list[tuple[str, dict[str, Any]]]:
    job = {"task": "Write notes.", "each": ["part*.py"], "output": "{stem}.md"}
    return [
        ("offload_work", {"task": "Write total(values).", "output": "total.py"}),
        ("compress_context", {"files": ["app.log"], "focus": "failures"}),
        ("batch_offload", job),
        ("batch_offload", {**job, "dry_run": True}),
        ("check_job", {}),
        ("list_loaded_models", {}),
        ("recommend_model", {"category": "coding"}),
        ("preload_model", {"model": CODER}),
        ("configure_model_selector", {"setting": "blocked_models", "action": "get"}),
        ("cost_dashboard", {}),
        ("get_metrics", {}),
    ]


async def _call(client: Client, name: str, arguments: dict[str, Any]) -> str:
    if name == "check_job":
        listed = text_of(await client.call_tool("batch_offload", {**_calls()[2][1], "output": "{stem}.txt"}))
        found = re.search(r"Job (j\w+)", listed)
        assert found is not None, listed
        arguments = {"job": found[1]}
    return text_of(await client.call_tool(name, arguments))


def _print(figures: dict[str, Any]) -> None:
    print("| server | tools | characters of the definitions |\n| --- | ---: | ---: |")
    for name, (tools, characters) in OTHERS.items():
        print(f"| {name} | {tools} | {characters:,} |")
    print(f"| **Token Saver** | {figures['tools']} | **{figures['characters']:,}** |")
    print(f"\nWith {figures['instructions']:,} characters of instructions: {figures['tokens']:,} tokens.\n")
    print("| answer of | characters | tokens |\n| --- | ---: | ---: |")
    for name, row in figures["answers"].items():
        print(f"| {name} | {row['characters']:,} | {row['tokens']:,} |")


if __name__ == "__main__":
    main()
