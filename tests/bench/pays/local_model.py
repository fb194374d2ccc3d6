"""Answers of the local model in this benchmark, and the tool that takes contents inline.

Both return the chore's expected result in the requested form: this benchmark counts the traffic to Claude.
``tests/bench/quality.py`` measures how often a real local model is right.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.bench.pays.chores import Chore, hunks
from tests.standins.answers import Answer


def local_answer(chore: Chore, prompt: str, _body: dict[str, Any]) -> Answer:
    """Return the chore's result in the prompt's form: complete, as search/replace blocks, or as notes."""
    if chore.fails:
        return Answer("I have added docstrings to all functions, as you asked.")
    if chore.kind == "digest":
        event = chore.answer.partition(": ")[2]
        return Answer(f"[1] {event}" if event in prompt else "nothing unusual")
    if chore.kind == "explain":
        return Answer(chore.answer)
    path = _result_for(chore, prompt)
    if "edits in this form" in prompt and path in chore.before:
        return Answer(
            "\n".join(_block(old, new) for old, new in hunks(chore.before[path], chore.after[path]))
        )
    if path.endswith(".md"):
        return Answer(chore.after[path])
    return Answer(f"```\n{chore.after[path]}```")


def inline_answers(chore: Chore) -> dict[str, str]:
    """Return the inline tool's answers by the context that it gets."""
    if chore.kind in ("digest", "explain"):
        return {"\n".join(chore.before.values()): chore.answer}
    if chore.batch_output:
        results = list(chore.after.values())
        return {chore.before[path]: results[number] for number, path in enumerate(chore.inputs)}
    [text] = chore.after.values()
    return {"\n".join(chore.before.values()): f"```\n{text}```"}


def serve_inline(answers: Path) -> None:
    """Run an MCP server on standard input and output with the one tool; ``answers`` is a JSON file."""
    from mcp.server import MCPServer

    server = MCPServer("inline")

    @server.tool(structured_output=False)
    def generate_code(prompt: str, context: str = "", language: str = "", max_tokens: int = 4096) -> str:
        """Generate code with a local model. Use this for routine code to save tokens.

        Args:
            prompt: What to generate, in full sentences, with all requirements.
            context: Existing code or text that the model needs, as its full contents.
            language: The programming language of the result.
            max_tokens: The most tokens to generate.
        """
        return str(json.loads(answers.read_text(encoding="utf-8"))[context])

    server.run()


def _result_for(chore: Chore, prompt: str) -> str:
    """Return the name of the result for the input in the prompt."""
    results = list(chore.after)
    if not chore.batch_output:
        return results[0]
    [path] = [path for path in chore.before if f"File `{path}`" in prompt]
    return results[list(chore.before).index(path)]


def _block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


if __name__ == "__main__":
    serve_inline(Path(sys.argv[1]))
