"""The exact versions that the tests run against: written anew into ``pyproject.toml``, or taken out of it.

    uv run --no-project python .ci/pins.py write             # after a change of dependencies
    uv run --no-project python .ci/pins.py drop PYPROJECT    # in a copy: `.ci/newest` does it

uv reads them as constraints. A lock file would do the same, but it names the index of whoever made it.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
TABLES = ("constraint-dependencies", "build-constraint-dependencies")


def write(project: Path) -> None:
    """Resolve everything without the pins, and write what came out."""
    bare = dropped(project.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(bare, encoding="utf-8")
        _uv(folder, "lock", "--quiet")
        export = ("--all-groups", "--no-hashes", "--no-emit-project", "--no-annotate", "--no-header")
        resolved = _uv(folder, "export", "--quiet", *export)
        build = "\n".join(tomllib.loads(bare)["build-system"]["requires"])
        built_with = _uv(
            folder, "pip", "compile", "--quiet", "--no-annotate", "--no-header", "-", given=build
        )
    tables = zip(TABLES, (resolved, built_with), strict=True)
    text = "".join(_table(name, lines) for name, lines in tables)
    project.write_text(bare.replace("[tool.uv]\n", f"[tool.uv]\n{text}", 1), encoding="utf-8")


def drop(project: Path) -> None:
    """Take the pins out of a ``pyproject.toml``."""
    project.write_text(dropped(project.read_text(encoding="utf-8")), encoding="utf-8")


def dropped(text: str) -> str:
    """Return the text of a ``pyproject.toml`` without the pins."""
    return re.sub(rf"^(?:{'|'.join(TABLES)}) = \[\n(?:  .*\n)*\]\n", "", text, flags=re.MULTILINE)


def _table(name: str, lines: str) -> str:
    resolved = [line.partition(" ; ") for line in lines.splitlines() if "==" in line]
    times = Counter(pin.partition("==")[0] for pin, _, _ in resolved)
    # Only where systems need different versions of one package does a marker tell them apart.
    pins = [f"{pin} ; {marker}" if times[pin.partition("==")[0]] > 1 else pin for pin, _, marker in resolved]
    return f"{name} = [\n" + "".join(f'  "{pin}",\n' for pin in sorted(pins)) + "]\n"


def _uv(folder: str, *arguments: str, given: str = "") -> str:
    done = subprocess.run(
        ["uv", *arguments], cwd=folder, input=given, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return done.stdout


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write"]:
            write(PROJECT)
        case ["drop", path]:
            drop(Path(path))
        case _:
            sys.exit(__doc__)
