"""Refuses symbolic links with which a repository would lead a change to another file.

A client's file in the user's own folders may be a link, for example into a repository of dotfiles: changes go
to its target. Links in a project come from whoever wrote the repository.
"""

import os
from pathlib import Path

from server.common.errors import BadArguments


def refuse_foreign_link(path: Path, project: Path | None) -> None:
    """Refuse a project's file if it, or a folder on the way to it, is a link that leads out of the project or
    into its ``.git``. ``project`` is None for the user's own files.

    Raises:
        BadArguments: the file is behind such a link.
    """
    if project is None:
        return
    # `Path.resolve` raises RuntimeError, not OSError, on a link loop.
    root, real = Path(os.path.realpath(project)), Path(os.path.realpath(path))
    if real.is_relative_to(root) and ".git" not in real.relative_to(root).parts:
        return
    raise BadArguments(
        f"{path} is behind a symbolic link: it leads to {real}.",
        "The file is unchanged. Replace the link with a file or folder of the project, or connect the client "
        "for the user instead (without --scope project).",
    )
