"""Files the app never reads or never writes, based on ``[paths]`` in ``config.toml`` and Claude Code's own
rules.

Claude Code denies files through ``permissions.deny`` in its settings files: ``Read(…)`` and ``Edit(…)`` with
``.gitignore`` patterns. ``//x`` is absolute, ``~/x`` is in the home folder, ``/x`` is relative to the
settings, and ``x`` and ``./x`` are relative to the project (https://code.claude.com/docs/en/permissions,
"Read and Edit"). A rule against reading also applies to writing, because the reply to an edit shows file
contents.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from server.common.errors import PathProtected
from server.policy.files.special_names import folded, folded_text

logger = logging.getLogger(__name__)

_RULE = re.compile(r"(Read|Edit|Write|MultiEdit|NotebookEdit)(?:\((.*)\))?", re.DOTALL)
MANAGED = {
    "win32": Path("C:/Program Files/ClaudeCode/managed-settings.json"),
    "darwin": Path("/Library/Application Support/ClaudeCode/managed-settings.json"),
}


@dataclass(frozen=True)
class Never:
    """Patterns for files that a caller must not read or write, each with its base folder."""

    read: tuple[tuple[Path, GitIgnoreSpec], ...] = field(default=(), repr=False)
    write: tuple[tuple[Path, GitIgnoreSpec], ...] = field(default=(), repr=False)

    def refuse(self, paths: Iterable[Path], given: str, *, writes: bool) -> None:
        """Refuse the file if any of its spellings in ``paths`` is denied.

        Raises:
            PathProtected: a spelling is denied.
        """
        for base, spec in self.write if writes else self.read:
            if any(spec.match_file(inner) for path in paths for inner in _spellings(path, base)):
                raise PathProtected(
                    f"The user's rules forbid {'writing' if writes else 'reading'} {given}.",
                    "See [paths] in config.toml and permissions.deny in Claude Code's settings.",
                    "Do not use this file.",
                )


def never_of(
    project: Path | None,
    roots: Iterable[Path],
    never_read: Iterable[str],
    never_write: Iterable[str],
    environ: Mapping[str, str] | None = None,
) -> Never:
    """Return the rules for a caller in ``project``."""
    env = os.environ if environ is None else environ
    read: dict[Path, list[str]] = {}
    write: dict[Path, list[str]] = {}
    for root in roots:
        read.setdefault(root, []).extend(map(_escaped, never_read))
        write.setdefault(root, []).extend(map(_escaped, never_write))
    for settings in _settings_files(project, env):
        for tool, pattern in _denied(settings):
            for base, inner in _placed(pattern, settings, project, env):
                for table in (read, write) if tool == "Read" else (write,):
                    table.setdefault(base, []).append(inner)
    return Never(_compiled(read), _compiled(write))


def _settings_files(project: Path | None, env: Mapping[str, str]) -> Iterator[Path]:
    managed = MANAGED.get(sys.platform, Path("/etc/claude-code/managed-settings.json"))
    yield managed
    yield from sorted(managed.with_suffix(".d").glob("*.json"))
    user = env.get("CLAUDE_CONFIG_DIR")
    yield (Path(user) if user else Path.home() / ".claude") / "settings.json"
    if project is not None:
        yield project / ".claude" / "settings.json"
        yield project / ".claude" / "settings.local.json"


def _denied(settings: Path) -> Iterator[tuple[str, str]]:
    """Yield the tool and pattern of each rule in a settings file that denies access to files."""
    try:
        content = json.loads(settings.read_bytes())
        rules = content["permissions"]["deny"]
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError):
        return
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("cannot read the rules in %s: %s", settings, error)
        return
    for rule in rules if isinstance(rules, list) else ():
        match = _RULE.fullmatch(rule.strip()) if isinstance(rule, str) else None
        if match is not None:
            yield match[1], (match[2] or "**").strip() or "**"


def _placed(
    pattern: str, settings: Path, project: Path | None, env: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    """Yield the folder that a pattern is relative to, and the pattern relative to that folder."""
    text = pattern.replace("\\", "/")
    if text.startswith("//"):
        yield Path(settings.anchor or "/"), text[1:]
    elif text.startswith("~/"):
        yield Path(env.get("HOME") or Path.home()), text[1:]
    elif text.startswith("/"):
        # Depending on the version, it is relative to the project or to the settings.
        folders = {settings.parent, settings.parent.parent}
        for base in folders if project is None else folders | {project}:
            yield base, text
    elif project is not None:
        base = project
        while text.startswith("../"):
            base, text = base.parent, text.removeprefix("../")
        yield base, f"/{text.removeprefix('./')}" if text.startswith("./") else _escaped(text)


def _escaped(pattern: str) -> str:
    """Escape the first character of a pattern if it has a special meaning in ``.gitignore``."""
    return f"\\{pattern}" if pattern.startswith(("!", "#")) else pattern


def _compiled(table: Mapping[Path, list[str]]) -> tuple[tuple[Path, GitIgnoreSpec], ...]:
    compiled = []
    for base, patterns in table.items():
        lines = [folded_text(pattern) for pattern in patterns]
        if lines:
            compiled += [(each, GitIgnoreSpec.from_lines(lines)) for each in {base, base.resolve()}]
    return tuple(compiled)


def _spellings(path: Path, base: Path) -> set[str]:
    """Return the path below ``base`` as lenient file systems compare it, with and without the endings that
    Windows drops; nothing if it is elsewhere.
    """
    if not path.is_relative_to(base) or path == base:
        return set()
    parts = path.relative_to(base).parts
    return {"/".join(map(folded, parts)), "/".join(map(folded_text, parts))}
