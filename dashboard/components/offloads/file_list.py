"""Files that an offload read or wrote, each with its SHA-256."""

from collections.abc import Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.elements import box, icon, text
from server.store.records import FileRecord


def file_list(files: Sequence[FileRecord], project: str) -> None:
    """Show the files with paths relative to the project."""
    with box("ts-files", "ul"):
        for file in files:
            written = file.role == "output"
            with box("ts-file", "li"):
                icon("edit_note" if written else "description")
                with box("ts-grow"):
                    text(_shown(file, project), "ts-mono", title=file.path)
                    words = f"{'written' if written else 'read'} · {formats.size(file.size)} · SHA-256 "
                    with box("ts-sub"):
                        text(words)
                        text(file.digest[:12], "ts-mono", title=file.digest)


def _shown(file: FileRecord, project: str) -> str:
    path = PurePath(file.path)
    shown = path.relative_to(project) if project and path.is_relative_to(project) else path
    return f"{shown}::{file.selection}" if file.selection else str(shown)
