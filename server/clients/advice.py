"""Optional advice to Claude Code on when to offload. Both forms are off by default.

``claude-md``  a short block between two marks in ``CLAUDE.md``
``hook``       a reminder before large reads and writes (``server.reminder``), in the list of hooks

Each is a change of one file, kept and undone like those of ``config_change``.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args

from server.clients import config_change
from server.clients.bridge_command import ISOLATION
from server.clients.config_change import ConfigChange
from server.clients.config_files import Place, Scope, Surroundings
from server.config.folders import Folders
from server.config.textedit.jsonc import JsonError, append_item, get_member, remove_member

Kind = Literal["claude-md", "hook"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BEGIN = "<!-- token-saver: begin -->"
END = "<!-- token-saver: end; `token-saver disconnect claude-code --claude-md` removes this block -->"
END_MARK = "<!-- token-saver: end"
BLOCK = (
    BEGIN,
    "## Routine work goes to the local model",
    "",
    "Docstrings, unit tests for a module, a format converted, boilerplate after an example, a long log or",
    "many files summarised: hand such work to token-saver instead of reading and writing it yourself.",
    "`offload_work(task, files, output)` for one task, `batch_offload` for many files,",
    "`compress_context(files, focus)` for a digest. Pass paths, never contents, and do not read back what it",
    "wrote: it was checked. Design, debugging and security stay with you.",
    END,
)

HOOKS = ("hooks", "PreToolUse")
MODULE = "server.reminder"
HOOK_SECONDS = 10
"""Claude Code's time limit for the reminder (seconds); it takes about 0.05 s."""


def plan_on(kind: Kind, scope: Scope, around: Surroundings | None = None) -> ConfigChange:
    """Return the change that adds the advice.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    place = _place(kind, scope, around or Surroundings())
    return config_change.plan_edit(place, _EDITS[kind][0])


def plan_off(kind: Kind, scope: Scope, folders: Folders, around: Surroundings | None = None) -> ConfigChange:
    """Return the change that removes the advice; an empty change if there is none.

    Raises:
        BadArguments: the file is broken, or cannot be edited safely.
    """
    place = _place(kind, scope, around or Surroundings())
    return config_change.plan_undo(place, folders, _EDITS[kind][1])


def take_out(kinds: Iterable[Kind], scope: Scope, folders: Folders) -> None:
    """Remove the advice of these ``kinds`` where present.

    Raises:
        BadArguments: a file is broken, or cannot be edited safely.
        OSError: a file cannot be written.
    """
    for kind in kinds:
        change = plan_off(kind, scope, folders)
        if change.needed:
            config_change.disconnect(change, folders)


def hook_command(scope: Scope, around: Surroundings | None = None) -> str | None:
    """Return the program that the hook starts, None without a hook or if its file cannot be read."""
    place = _place("hook", scope, around or Surroundings())
    try:
        found = _hooks(place.path.read_bytes().decode())
    except (OSError, UnicodeDecodeError, JsonError):
        return None
    return next((hook["command"] for _, hook in found), None)


def hook_entry() -> dict[str, Any]:
    """Return the hook in Claude Code's format, with absolute paths and without a shell."""
    command = {
        "type": "command",
        "command": str(Path(sys.executable).absolute()),
        "args": [*ISOLATION, "-m", MODULE],
        "timeout": HOOK_SECONDS,
    }
    return {"matcher": "Read|Write", "hooks": [command]}


def _place(kind: Kind, scope: Scope, around: Surroundings) -> Place:
    user = Path(around.environ.get("CLAUDE_CONFIG_DIR") or around.home / ".claude")
    paths = {
        ("claude-md", "user"): user / "CLAUDE.md",
        ("claude-md", "project"): around.project / "CLAUDE.md",
        ("hook", "user"): user / "settings.json",
        # The file that is not shared, because the hook names a program on this machine.
        ("hook", "project"): around.project / ".claude" / "settings.local.json",
    }
    return Place("claude-code", scope, paths[kind, scope], "json", (), {})


def _add_block(text: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    block = newline.join(BLOCK)
    if (span := _block(text)) is not None:
        return text[: span[0]] + block + text[span[1] :]
    if not text:
        return block + newline
    ended = text if text.endswith(newline) else text + newline
    return ended + newline + block + newline


def _remove_block(text: str) -> str:
    span = _block(text)
    if span is None:
        return text
    before, after = text[: span[0]], text[span[1] :]
    newline = "\r\n" if "\r\n" in text else "\n"
    # Includes the line end and the blank line that were added with the block.
    return before.removesuffix(newline) + after.removeprefix(newline)


def _block(text: str) -> tuple[int, int] | None:
    """Return where the block begins and ends, from its first mark to the end of its last line."""
    start = text.find(BEGIN)
    last = text.find(END_MARK, start + 1)
    if start < 0 or last < 0:
        return None
    end = text.find("-->", last)
    return None if end < 0 else (start, end + len("-->"))


def _add_hook(text: str) -> str:
    entry = hook_entry()
    found = _hooks(text)
    if [item for item, _ in found] == [entry]:
        return text
    return append_item(_remove_hook(text), HOOKS, entry)


def _remove_hook(text: str) -> str:
    if not _hooks(text):
        return text
    while found := _hooks(text):
        items = get_member(text, HOOKS)
        text = remove_member(text, (*HOOKS, str(items.index(found[0][0]))))
    # Remove lists that contained only this hook.
    for path in (HOOKS, HOOKS[:1]):
        if get_member(text, path) in ([], {}):
            text = remove_member(text, path)
    return text


def _hooks(text: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the entries that start our reminder, each with the command that starts it."""
    items = get_member(text, HOOKS)
    if not isinstance(items, list):
        return []
    return [
        (item, hook)
        for item in items
        if isinstance(item, dict) and isinstance(item.get("hooks"), list)
        for hook in item["hooks"]
        if isinstance(hook, dict) and isinstance(hook.get("command"), str) and _is_ours(hook)
    ]


def _is_ours(hook: dict[str, Any]) -> bool:
    arguments = hook.get("args")
    return isinstance(arguments, list) and MODULE in arguments


_EDITS: dict[Kind, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "claude-md": (_add_block, _remove_block),
    "hook": (_add_hook, _remove_hook),
}
"""Functions that insert each kind into a text and remove it."""
