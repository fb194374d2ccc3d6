"""The files of a checkout that a user of its plugin marketplace gets."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copy_checkout(folder: Path) -> Path:
    """Copy them to ``folder``, and return it."""
    folder.mkdir()
    for name in (".claude-plugin", "skills", "server", "README.md", "LICENSE"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder
