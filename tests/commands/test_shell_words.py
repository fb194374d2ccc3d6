"""Errors speak to Claude where a client calls, and to the user where he does."""

import ast
import re
from pathlib import Path

import server
from server.commands.shell_words import in_shell_words
from server.offload.run.reply import handed_back
from server.offload.values import Attempt, Check, Generation, Prompt, Verdict

HAND_OVER = re.compile(r"\bdo (?:this|the) (?:task|one) yourself", re.IGNORECASE)
NOT_ERRORS = {"mcp_server.py": "then do the task yourself rather than", "digest.py": "Do this one yourself."}
"""By file: what only clients are told."""

SOURCES = [path for path in Path(server.__file__).parent.rglob("*.py") if path.name != "shell_words.py"]


def texts_of(path: Path) -> list[str]:
    allowed = NOT_ERRORS.get(path.name, "\0")
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if allowed not in text]


def test_no_error_tells_the_user_to_do_the_task_himself() -> None:
    found = [text for path in SOURCES for text in texts_of(path) if HAND_OVER.search(text)]
    assert len(found) >= 5
    assert [text for text in found if HAND_OVER.search(in_shell_words(text))] == []
    assert in_shell_words("limited: Used up. Try again later, or do the task yourself.") == (
        "limited: Used up. Try again later."
    )
    assert in_shell_words("denied: No. Do the task yourself, or ask the user to change the policy.") == (
        "denied: No. `token-saver policy explain` shows it."
    )


def test_a_hand_back_to_the_user_gives_claude_no_order() -> None:
    failure = Check("syntax", False, "line 1: invalid syntax", "syntax_error")
    prompt = Prompt("new", (), 4096, 100, 10, True)
    attempts = (Attempt(1, prompt, Generation("def", "", "stop", 1, 1), Verdict((failure,))),)
    assert HAND_OVER.search(handed_back("af69c1d2", failure, attempts))
    told = handed_back("af69c1d2", failure, attempts, by_user=True)
    assert told.endswith(
        "line 1: invalid syntax. Nothing was written (1 try, kept: `token-saver history af69c1d2`)."
    )
