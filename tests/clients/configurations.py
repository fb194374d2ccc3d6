"""Configuration files as clients of several years write them and as people edit them.

They are stored next to this module, one folder for each client, byte for byte (line endings, missing last
line ends, an empty file).
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "files"
CASES = [(path.parent.name, path.name) for path in sorted(FOLDER.glob("*/*"))]


def configuration(client: str, name: str) -> bytes:
    """Return the bytes of one file."""
    return (FOLDER / client / name).read_bytes()


def broken(kind: str) -> bytes:
    """Return a broken file, ``json`` or ``toml``."""
    return (FOLDER / f"broken.{kind}").read_bytes()
