"""Turns of a scripted Claude for one chore, in four ways of working.

The script replaces the model: its text counts as output tokens, everything that comes back over the wire as
input. Tool names and arguments are Claude Code's own, and the tools' answers are real.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.pays.chores import Chore, hunks
from tests.standins.messages import Text, ToolUse, Turn

OFFLOAD = "mcp__token-saver__offload_work"
BATCH = "mcp__token-saver__batch_offload"
COMPRESS = "mcp__token-saver__compress_context"
INLINE = "mcp__inline__generate_code"
AGENT = "Agent"
"""Claude Code's tool that starts a sub-agent."""
DONE = [Text("Done.")]
LAST_LINES = "tail -n 11"
"""About 400 tokens of the logs here, the tail that Claude reads in the median of public sessions."""
ERRORS = "grep -nE 'ERROR|WARN|FATAL'"


def alone(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the turns of Claude with its own tools. Of a log it reads the tail, then the lines of errors."""
    if chore.kind == "digest":
        return [_look(chore, LAST_LINES), _look(chore, ERRORS), [Text(chore.answer)]]
    script = [_read(chore, project)] if chore.inputs else []
    if chore.kind in ("digest", "explain"):
        return [*script, [Text(chore.answer)]]
    return [*script, *_write_down(chore, project), DONE]


def inline(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the turns with a tool that takes contents as an argument and returns text.

    One call for each input of a batch, as such tools work. Claude writes the returned text into the file.
    """
    script = [_read(chore, project)] if chore.inputs else []
    if chore.batch_output:
        calls = [
            ToolUse(INLINE, {"prompt": chore.task, "context": chore.before[path]}) for path in chore.inputs
        ]
    else:
        calls = [ToolUse(INLINE, {"prompt": chore.task, "context": "\n".join(chore.before.values())})]
    script.append(calls)
    if chore.kind in ("digest", "explain"):
        return [*script, [Text(chore.answer)]]
    return [*script, *_write_down(chore, project), DONE]


def handed_over(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the turns with Token Saver: paths in, files out."""
    if chore.kind == "digest":
        return [[ToolUse(COMPRESS, {"files": list(chore.inputs), "focus": chore.task})], [Text(chore.answer)]]
    if chore.kind == "explain":
        arguments = {"task": chore.task, "files": list(chore.inputs), "output_format": "explanation"}
        return [[ToolUse(OFFLOAD, arguments)], [Text(chore.answer)]]
    if chore.batch_output:
        arguments = {"task": chore.task, "each": ["*.py"], "output": chore.batch_output}
        return [[ToolUse(BATCH, arguments)], DONE]
    [output] = chore.after
    call = ToolUse(OFFLOAD, {"task": chore.task, "files": list(chore.inputs), "output": output})
    if not chore.inputs:
        call = ToolUse(OFFLOAD, {"task": chore.task, "output": output})
    return [[call], *(alone(chore, project) if chore.fails else [DONE])]


def delegated(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the turns of Claude with its own sub-agent on Haiku, which gets the task and the paths."""
    prompt = " ".join(
        [
            chore.task,
            *([f"Read {', '.join(chore.inputs)}."] if chore.inputs else []),
            *([f"Write {', '.join(chore.after)}."] if chore.after else []),
            "Report in one sentence.",
        ]
    )
    agent = {
        "description": chore.name,
        "prompt": prompt,
        "subagent_type": "general-purpose",
        "model": "haiku",
        "run_in_background": False,
    }
    last = [Text(chore.answer)] if chore.kind in ("digest", "explain") else DONE
    return [[ToolUse(AGENT, agent)], last]


def subagent(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the sub-agent's turns: it works as Claude does alone, and gets everything right."""
    return alone(chore, project)


def distrusted(chore: Chore, project: Path) -> Sequence[Turn]:
    """Return the turns in which Claude reads again every file that Token Saver wrote."""
    script = list(handed_over(chore, project))
    if chore.after and not chore.fails:
        again = [ToolUse("Read", {"file_path": str(project / path)}) for path in chore.after]
        script.insert(1, again)
    return script


def _look(chore: Chore, command: str) -> Turn:
    return [ToolUse("Bash", {"command": f"{command} {path}"}) for path in chore.inputs]


def _read(chore: Chore, project: Path) -> Turn:
    return [ToolUse("Read", {"file_path": str(project / path)}) for path in chore.inputs]


def _write_down(chore: Chore, project: Path) -> list[Turn]:
    """Return the turn that writes all results, each in its shortest form."""
    turn: list[Text | ToolUse] = []
    for path, text in chore.after.items():
        place = str(project / path)
        whole = [ToolUse("Write", {"file_path": place, "content": text})]
        before = chore.before.get(path)
        turn += whole if before is None else min((whole, _edits(chore, place, before, text)), key=_size)
    return [turn]


def _edits(chore: Chore, place: str, before: str, after: str) -> list[ToolUse]:
    old, new = chore.replaces
    if old:
        arguments = {"file_path": place, "old_string": old, "new_string": new, "replace_all": True}
        return [ToolUse("Edit", arguments)]
    return [
        ToolUse("Edit", {"file_path": place, "old_string": old, "new_string": new})
        for old, new in hunks(before, after)
    ]


def _size(calls: Sequence[ToolUse]) -> int:
    return sum(len(str(call.input)) + 40 for call in calls)
