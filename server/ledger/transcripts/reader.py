"""Reader for Claude Code's transcripts: where they are, and which lines are new.

A transcript (``<folder>/projects/<project>/<session>.jsonl``) has one JSON object per line and grows while a
session runs. Files are opened read-only.
"""

import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_READ_AT_ONCE = 8 * 2**20


@dataclass(frozen=True)
class TranscriptFile:
    """A transcript file on disk, with its size in bytes."""

    path: Path
    size: int
    mtime_ns: int


def transcripts_folder(setting: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the transcripts folder: the setting, else ``CLAUDE_CONFIG_DIR``, else ``~/.claude``."""
    chosen = setting or environ.get("CLAUDE_CONFIG_DIR") or "~/.claude"
    return Path(chosen).expanduser() / "projects"


def find_transcripts(folder: Path) -> list[TranscriptFile]:
    """Return every transcript in the folder, including those of subagents; empty if the folder is
    unreadable.
    """
    found = []
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.name.endswith(".jsonl") and entry.is_file():
                        status = entry.stat()
                        found.append(TranscriptFile(Path(entry.path), status.st_size, status.st_mtime_ns))
        except OSError:  # deleted in the meantime, or without permission to read
            continue
    return sorted(found, key=lambda each: each.path)


def session_of(path: Path) -> str:
    """Return the session a transcript belongs to: ``PROJECT/SESSION.jsonl``, or
    ``SESSION/subagents/AGENT.jsonl``.
    """
    return next((part for part in reversed(path.parts[:-1]) if is_uuid(part)), path.stem)


def is_uuid(text: str) -> bool:
    """Return whether the text is a UUID in its usual form, as used for Claude Code's session ids."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def new_lines(path: Path, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield each complete line after byte ``position``, along with the position after it.

    An incomplete last line is still being written, so it is left for the next pass.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=_READ_AT_ONCE) as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n"):
                return
            position += len(line)
            yield position, line
