"""The files of an offload: what was read and what was written, each with its digest."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.elements import box, icon, text
from server.store.records import FileRecord


def file_list(files: Sequence[FileRecord], project: str) -> None:
    """Show the files, by their paths inside the project."""
    with box("files", "ul"):
        for file in files:
            written = file.role == "output"
            with box("file", "li"):
                icon("edit_note" if written else "description")
                with box("grow"):
                    text(_shown(file, project), "mono", title=file.path)
                    words = f"{'written' if written else 'read'} · {formats.size(file.size)} · SHA-256 "
                    with box("sub"):
                        text(words)
                        text(file.digest[:12], "mono", title=file.digest)


def _shown(file: FileRecord, project: str) -> str:
    path = PurePath(file.path)
    shown = path.relative_to(project) if project and path.is_relative_to(project) else path
    return f"{shown}::{file.selection}" if file.selection else str(shown)
