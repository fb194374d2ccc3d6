"""Build the bundle that Claude Desktop installs by a double click: ``uv run python packaging/build_mcpb.py``.

An ``.mcpb`` file is a zip of the app's source and ``manifest.json``; Claude Desktop runs it with its own
``uv``. Format: https://github.com/modelcontextprotocol/mcpb (manifest version 0.4).
"""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MANIFEST = Path(__file__).parent / "manifest.json"
ICON = ROOT / ".claude-plugin" / "icon.png"
FILES = ("pyproject.toml", "README.md", "LICENSE")
PACKAGES = ("server", "tray", "dashboard", "assets")
# A fixed date makes builds of the same source identical.
DATE = (2026, 1, 1, 0, 0, 0)


def build(target: Path) -> Path:
    """Write the bundle to ``target`` and return it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
        _add(bundle, MANIFEST, "manifest.json")
        _add(bundle, ICON, "icon.png")
        for path in _sources():
            _add(bundle, path, path.relative_to(ROOT).as_posix())
    return target


def _sources() -> Iterator[Path]:
    yield from (ROOT / name for name in FILES)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _add(bundle: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    bundle.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "token-saver.mcpb"
    print(build(where))  # noqa: T201 - a command's output
