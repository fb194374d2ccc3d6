"""Optional extras for Claude Code, all off by default.

``claude-md``  a short block between two markers in ``CLAUDE.md``
``hook``       a reminder before large reads and writes (``server.reminder``), in the list of hooks
``digest``     digests instead of large results (``server.digest_hook``), in the list of hooks
``statusline`` the status line (``server.statusline``), below the user's own status line

Extras in the same file are changed together, with the same backup and undo as in ``config_change``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from server.clients import config_change
from server.clients.config_change import ConfigChange
from server.clients.config_files import Place, Scope, Surroundings
from server.clients.hooks import HookName, add_hook, hook_program, remove_hook
from server.clients.statusline import add_statusline, remove_statusline
from server.common.errors import BadArguments
from server.config.folders import Folders
from server.config.textedit.jsonc import JsonError

Kind = Literal["claude-md", "hook", "digest", "statusline"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BEGIN = "<!-- token-saver: begin -->"
END = "<!-- token-saver: end; `token-saver disconnect claude-code --claude-md` removes this block -->"
END_MARK = "<!-- token-saver: end"
BLOCK = (
    BEGIN,
    "## Routine work goes to the local model",
    "",
    "Docstrings, unit tests for a module, format conversions, boilerplate based on an example, summaries of",
    "long logs or many files: hand such work to token-saver instead of reading and writing it yourself.",
    "`offload_work(task, files, output)` for one task, `batch_offload` for many files,",
    "`compress_context(files, focus)` for a digest. Pass paths, never contents; two to four `examples` for",
    "new code. When to check a result: never after *Tests ran* or *Examples ran*, briefly after *Samples",
    "agree*; otherwise, and after any *Notice*, read the diff. Do design, debugging and security yourself.",
    "`token-saver commit [PATHS]` commits the staged files, or PATHS, and writes the message.",
    END,
)


def plan_on(kinds: Sequence[Kind], scope: Scope, around: Surroundings | None = None) -> list[ConfigChange]:
    """Return the changes that add these extras, one per file.

    Raises:
        BadArguments: a file is broken, or cannot be edited safely.
    """
    return [
        config_change.plan_edit(place, _composed(_EDITS[kind][0] for kind in some))
        for place, some in by_file(kinds, scope, around or Surroundings())
    ]


def plan_off(
    kinds: Sequence[Kind], scope: Scope, folders: Folders, around: Surroundings | None = None
) -> list[ConfigChange]:
    """Return the changes that remove these extras, one per file. Changes are empty where no extra is present.

    Raises:
        BadArguments: a file is broken, or cannot be edited safely.
    """
    around = around or Surroundings()
    changes = []
    for place, some in by_file(kinds, scope, around):
        remove = _composed(_EDITS[kind][1] for kind in some)
        others = [kind for kind in _sharing(place, scope, around) if kind not in some]
        if any(_is_on(kind, place) for kind in others):
            # The other extras still need the content from before the first extra.
            changes.append(replace(config_change.plan_edit(place, remove), keeps_backup=True))
        else:
            # The kept bytes may contain every extra, if the file was edited after the first one.
            remove_all = _composed(_EDITS[kind][1] for kind in _sharing(place, scope, around))
            changes.append(config_change.plan_undo(place, folders, remove_all))
    return changes


def take_out(kinds: Sequence[Kind], scope: Scope, folders: Folders) -> None:
    """Remove these extras if present.

    Raises:
        BadArguments: a file is broken, or cannot be edited safely.
        OSError: a file cannot be written.
    """
    for change in plan_off(kinds, scope, folders):
        if change.needed:
            config_change.disconnect(change, folders)


def by_file(
    kinds: Sequence[Kind], scope: Scope, around: Surroundings
) -> list[tuple[Place, tuple[Kind, ...]]]:
    """Group these extras by the file they belong in."""
    ordered = sorted(kinds, key=KINDS.index)
    groups = groupby(ordered, key=lambda kind: place_of(kind, scope, around))
    return [(place, tuple(some)) for place, some in groups]


def is_on(kind: Kind, scope: Scope, around: Surroundings | None = None) -> bool:
    """Return whether an extra is present, in its current or an outdated form."""
    return _is_on(kind, place_of(kind, scope, around or Surroundings()))


def hook_command(name: HookName, scope: Scope, around: Surroundings | None = None) -> str | None:
    """Return the program that a hook starts, or None if there is no hook or its file cannot be read."""
    place = place_of(name, scope, around or Surroundings())
    try:
        return hook_program(place.path.read_bytes().decode(), name)
    except (OSError, UnicodeDecodeError, JsonError):
        return None


def _sharing(place: Place, scope: Scope, around: Surroundings) -> list[Kind]:
    return [kind for kind in KINDS if place_of(kind, scope, around).path == place.path]


def _is_on(kind: Kind, place: Place) -> bool:
    try:
        return config_change.plan_edit(place, _EDITS[kind][1]).needed
    except BadArguments:
        return False


def _composed(edits: Iterable[Callable[[str], str]]) -> Callable[[str], str]:
    every = tuple(edits)

    def edit(text: str) -> str:
        for each in every:
            text = each(text)
        return text

    return edit


def user_folder(around: Surroundings) -> Path:
    """Return the user's Claude Code folder."""
    return Path(around.environ.get("CLAUDE_CONFIG_DIR") or around.home / ".claude")


def place_of(kind: Kind, scope: Scope, around: Surroundings) -> Place:
    """Return the file that an extra belongs in."""
    if kind == "claude-md":
        path = (user_folder(around) if scope == "user" else around.project) / "CLAUDE.md"
    elif scope == "user":
        path = user_folder(around) / "settings.json"
    else:
        # The file that is not shared with others, because a hook names a program on this machine.
        path = around.project / ".claude" / "settings.local.json"
    return Place("claude-code", scope, path, "json", (), {}, around.project if scope == "project" else None)


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
    # This includes the line end and the blank line that were added with the block.
    return before.removesuffix(newline) + after.removeprefix(newline)


def _block(text: str) -> tuple[int, int] | None:
    """Return the start and end of the block, from its opening marker to the end of its last line."""
    start = text.find(BEGIN)
    last = text.find(END_MARK, start + 1)
    if start < 0 or last < 0:
        return None
    end = text.find("-->", last)
    return None if end < 0 else (start, end + len("-->"))


_EDITS: dict[Kind, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "claude-md": (_add_block, _remove_block),
    "hook": (lambda text: add_hook(text, "hook"), lambda text: remove_hook(text, "hook")),
    "digest": (lambda text: add_hook(text, "digest"), lambda text: remove_hook(text, "digest")),
    "statusline": (add_statusline, remove_statusline),
}
"""Functions that insert each kind of extra into text, and functions that remove it."""
