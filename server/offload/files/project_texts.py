"""Reads the text files in a caller's project, within limits."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.common.errors import BadArguments, BinaryFile, WorkspaceError
from server.offload.files.globs import SearchStopped
from server.offload.files.textfile import decode
from server.offload.files.workspace import Workspace, may_be_read, read_bytes

MOST_FILES = 3_000
MOST_BYTES = 32 << 20
LARGEST = 1 << 20
"""Maximum file size in bytes. Larger files are rarely hand-written."""
MOST_SECONDS = 3.0


def texts_with(
    workspace: Workspace, names: Sequence[str], endings: Sequence[str], *, besides: Path
) -> Iterator[tuple[Path, str]]:
    """Yield the project's files with these extensions that contain one of the names, with their texts.
    Blocks.

    Files that git ignores and files that the caller may not read are left out. When a limit (files, bytes,
    time) is reached, the search ends without an error.
    """
    project = workspace.caller.project
    if project is None or not names:
        return
    wanted = [name.encode() for name in names]
    ends = time.monotonic() + MOST_SECONDS
    left = MOST_BYTES
    for number, path in enumerate(_paths(workspace, project.resolve(), endings)):
        if number >= MOST_FILES or left <= 0 or time.monotonic() > ends:
            return
        if path == besides or not may_be_read(workspace, path):
            continue
        try:
            data = read_bytes(path, str(path), LARGEST)
            left -= len(data)
            if any(name in data for name in wanted):
                yield path, decode(data, str(path)).text
        except (BinaryFile, WorkspaceError):
            continue  # not text, too large, or removed in the meantime


def _paths(workspace: Workspace, project: Path, endings: Sequence[str]) -> Iterator[Path]:
    inside = ",".join(ending.lstrip(".") for ending in endings)
    pattern = f"**/*.{{{inside}}}" if len(endings) > 1 else f"**/*.{inside}"
    try:
        yield from workspace.walker.find(project, pattern, workspace.caller.roots)
    except (BadArguments, SearchStopped):
        return  # too many files to search, or the call was cancelled
