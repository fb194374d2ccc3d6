"""Build the bundle that Claude Desktop installs by a double click: ``uv run python packaging/build_mcpb.py``.

An ``.mcpb`` file is a zip of the app's source and ``manifest.json``; Claude Desktop runs it with its own
``uv``. Format: https://github.com/modelcontextprotocol/mcpb (manifest version 0.4).
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
PACKAGES = ("server", "tray", "dashboard", "assets")
# A fixed date makes builds of the same source identical.
DATE = (2026, 1, 1, 0, 0, 0)


def build(target: Path, root: Path = ROOT) -> Path:
    """Write the bundle of the source in ``root`` to ``target`` and return it."""
    own = [
        (root / "packaging" / "manifest.json", "manifest.json"),
        (root / ".claude-plugin" / "icon.png", "icon.png"),
    ]
    return write_zip(target, [*own, *sources(root, FILES, PACKAGES)])


def sources(root: Path, files: tuple[str, ...], folders: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """Yield the files, and all files in the folders, with their names in an archive."""
    found = [root / name for name in files]
    for folder in folders:
        found += sorted(path for path in (root / folder).rglob("*") if path.is_file())
    for path in found:
        if "__pycache__" not in path.parts:
            yield path, path.relative_to(root).as_posix()


def write_zip(target: Path, files: list[tuple[Path, str]]) -> Path:
    """Write files under the given names to a zip with the same bytes for the same contents; return it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as archive:
        for path, name in files:
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also if it is built elsewhere
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    return target


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "token-saver.mcpb"
    print(build(where))  # noqa: T201 - a command's output
