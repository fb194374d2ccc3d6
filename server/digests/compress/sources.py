"""Sources for a compression: files, inline text and kept text; and the copies that handles refer to."""

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from server.common.errors import BadArguments, BinaryFile, FileTooLarge
from server.digests.decode import decoded_lines, encoding_of, marked_encoding
from server.digests.kept import KeptTexts, Reference, reference_of
from server.ledger.habits import MOST_READ_TOKENS
from server.offload.files.workspace import Workspace, expand
from server.offload.values import Compression
from server.policy.files.paths import require_file
from server.policy.files.safe_open import open_for_reading

MOST_BYTES = 64_000_000
"""Maximum total size of all sources (bytes)."""
LONGEST_HEAD = MOST_READ_TOKENS * 5
"""Number of characters guaranteed to hold at least as many tokens as the result of one Read."""
_PROBE_BYTES = 8_192
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Text:
    """One source: how to open it, and what is known about it.

    ``file_name`` determines the kind of document, ``command`` the tool that printed the text. ``handle`` is
    the handle of the kept copy; empty if there is none. ``wanted`` are the lines the caller asked for.
    ``given`` marks text that the caller passed inline.
    """

    shown: str
    open: Callable[[], BinaryIO]
    size: int
    digest: str
    file_name: str = ""
    path: str = ""
    command: str = ""
    handle: str = ""
    wanted: Reference | None = None
    given: bool = False

    def head(self) -> str:
        """Return the beginning of the text, at least as much as one Read would return. Blocks."""
        lines: list[str] = []
        length = 0
        with self.open() as file:
            for line in decoded_lines(file, encoding_of(file)):
                lines.append(line)
                length += len(line) + 1
                if length > LONGEST_HEAD:
                    break
        return "\n".join(lines)[:LONGEST_HEAD]


def read(workspace: Workspace, wanted: Compression, kept: KeptTexts | None) -> tuple[Text, ...]:
    """Resolve the sources named by the caller. Blocks.

    Raises:
        WorkspaceError: a source is not allowed, missing, not text, or too large.
        NotFound: a kept text was removed, or was made for another project.
        BadArguments: the call has neither files nor content, or both.
    """
    if bool(wanted.files) == bool(wanted.content):
        raise BadArguments("compress_context takes either `files` or `content`.", "Pass paths in `files`.")
    if wanted.content:
        data = wanted.content.encode(errors="replace")
        return (Text("content", lambda: io.BytesIO(data), len(data), _sha256(io.BytesIO(data)), given=True),)
    found: dict[str, Text] = {}
    for given in wanted.files:
        reference = reference_of(given)
        if reference is not None:
            found[given] = _kept_text(workspace, given, reference, kept)
            continue
        for name in expand(workspace, given):
            path = workspace.confine_to_read(name)
            if str(path) not in found:
                found[str(path)] = _file_text(path, name, workspace.shown(path))
    _require_small(found.values())
    return tuple(found.values())


def project_of(workspace: Workspace) -> Path | None:
    """Return the folder that handles are created for, or None if the caller has no folder."""
    return workspace.caller.project or next(iter(workspace.caller.roots), None)


def keep(text: Text, project: Path, kept: KeptTexts) -> Text:
    """Keep the text under a new handle and return the kept version: no secrets, same lines. Blocks."""
    with kept.writing(project, text.command, text.path) as writer:
        with text.open() as source:
            while chunk := source.read(_CHUNK):
                writer.write(chunk)
        size = writer.whole().seek(0, os.SEEK_END)
    handle = writer.handle
    return replace(text, open=lambda: kept.open(handle, project), size=size, handle=handle)


def _kept_text(workspace: Workspace, given: str, reference: Reference, kept: KeptTexts | None) -> Text:
    project = project_of(workspace)
    if kept is None or project is None:
        raise BadArguments("Kept text is not available here.", "Pass the path of a file.")
    found = kept.find(reference.handle, project)
    if found.source:
        workspace.confine_to_read(found.source)
    with kept.open(reference.handle, project) as file:
        digest = _sha256(file)
    return Text(
        given,
        lambda: kept.open(reference.handle, project),
        found.size,
        digest,
        Path(found.source).name,
        found.source,
        found.command,
        reference.handle,
        reference,
    )


def _file_text(path: Path, given: str, shown: str) -> Text:
    size = require_file(path, given).st_size

    def reopen() -> BinaryIO:
        return os.fdopen(open_for_reading(path, shown), "rb")

    with reopen() as file:
        probe = file.read(_PROBE_BYTES)
        if b"\0" in probe and not marked_encoding(probe):
            raise BinaryFile(f"{shown} is not a text file.", "Name only text files.")
        file.seek(0)
        digest = _sha256(file) if size <= MOST_BYTES else ""
    return Text(shown, reopen, size, digest, path.name, str(path))


def _require_small(texts: Iterable[Text]) -> None:
    size = sum(text.size for text in texts)
    if size > MOST_BYTES:
        raise FileTooLarge(
            f"The files have {size:,} bytes; the limit is {MOST_BYTES:,}.", "Name fewer files."
        )


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
