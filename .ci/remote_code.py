"""Unpinned remote code in the files that run by themselves: workflows, the bundle, the plugins.

    uv run --no-project python .ci/remote_code.py    # exit status 1 and one line for each finding

Code from elsewhere must be named by an exact version or a hash: what ran yesterday is what runs tomorrow.
Debian packages are taken as part of the system. A command of the project itself (``uv run``) has its
dependencies pinned in ``pyproject.toml``.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = (".ci", ".github", ".claude-plugin", "packaging", "skills", "server/reminder", "server/digest_hook")
TEXT = frozenset({"", ".sh", ".yml", ".yaml", ".md"})

# A program with its subcommand, and the options of it that take a value.
STARTERS: dict[tuple[str, ...], frozenset[str]] = {
    ("uvx",): frozenset({"--python", "-p", "--index", "--with", "--from"}),
    ("uv", "tool", "run"): frozenset({"--python", "-p", "--index", "--with", "--from"}),
    ("pipx", "run"): frozenset({"--spec", "--python"}),
    ("npx",): frozenset({"-p", "--package", "-c"}),
    ("bunx",): frozenset(),
    ("pnpm", "dlx"): frozenset(),
    ("yarn", "dlx"): frozenset(),
    ("docker", "run"): frozenset({"-v", "-e", "-p", "-w", "-u", "--name", "--network", "--volume", "--env"}),
}
"""The first thing that they name is run."""
INSTALLERS: dict[tuple[str, ...], frozenset[str]] = {
    ("pip", "install"): frozenset({"-r", "--requirement", "-c", "--constraint", "-t", "--target", "-i"}),
    ("pip3", "install"): frozenset({"-r", "--requirement", "-c", "--constraint", "-t", "--target", "-i"}),
    ("uv", "pip", "install"): frozenset({"-r", "--requirement", "-c", "--constraint", "-p", "--python"}),
    ("uv", "tool", "install"): frozenset({"-p", "--python"}),
    ("pipx", "install"): frozenset({"--python"}),
    ("npm", "install"): frozenset({"--prefix"}),
    ("npm", "i"): frozenset({"--prefix"}),
    ("cargo", "install"): frozenset({"--root"}),
    ("go", "install"): frozenset(),
    ("gem", "install"): frozenset(),
}
"""Everything that they name is installed."""
RUNNERS: dict[tuple[str, ...], frozenset[str]] = {
    ("uv", "run"): frozenset({"--project", "--directory", "--group"})
}
"""They run a command of the project; only options name code from elsewhere."""
NAMES_CODE = frozenset({"--with", "--from", "--spec", "--package"})
"""Options whose value is itself code from elsewhere."""

_PINNED = re.compile(r".*(?:===?v?\d[\w.+!-]*|[^/]@v?\d+\.\d+[\w.+-]*|@[0-9a-f]{40}|@sha256:[0-9a-f]{64})")
_LOCAL = re.compile(r"\.{0,2}/.*|\.|\$.*|[A-Za-z]:\\.*|.*\.whl")
_PIPED = re.compile(
    r"\b(?:curl|wget|iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\b.*\|.*\b(?:ba|z|da)?sh\b"
    r"|\b(?:curl|wget|iwr|irm)\b.*\|.*\b(?:python\S*|node|perl|ruby|iex|Invoke-Expression)\b"
    r"|(?:<|\$)\(\s*(?:curl|wget)\b"
)
_USES = re.compile(r"^\s*(?:-\s*)?uses:\s*['\"]?([^\s'\"#]+)")
_IMAGE = re.compile(r"^\s*(?:-\s*)?(?:image|container):\s*['\"]?([^\s'\"#{]+)")
_GIT = re.compile(r"git\+https?://[^\s'\"]+")
_SEPARATOR = re.compile(r"&&|\|\||[;|]")


class Finding(NamedTuple):
    """One use of code that may be another one tomorrow. ``line`` counts from 1; 0 is the whole file."""

    path: str
    line: int
    text: str


def findings(root: Path) -> list[Finding]:
    """Return every use of unpinned remote code below ``root``, in order of files and lines."""
    found = []
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if path.suffix == ".json":
            document = json.loads(path.read_text(encoding="utf-8"))
            found += [Finding(name, 0, text) for text in _in_json(document)]
        elif path.suffix in TEXT:
            lines = _joined(path.read_text(encoding="utf-8"))
            found += [Finding(name, number, text) for number, line in lines for text in in_line(line)]
    return found


def in_line(line: str) -> Iterator[str]:
    """Yield what a line of a script or workflow takes from elsewhere without a version."""
    if _PIPED.search(line):
        yield f"runs what it downloads: {line.strip()}"
    for pattern in (_USES, _IMAGE):
        if (named := pattern.match(line)) and not _is_fixed(named[1], by_hash=True):
            yield f"is not pinned by a hash: {named[1]}"
    for source in _GIT.findall(line):
        if not _is_fixed(source, by_hash=True):
            yield f"is not pinned by a commit: {source}"
    for command in _SEPARATOR.split(line):
        yield from _in_command(_words(command))


def _in_json(value: Any) -> Iterator[str]:
    """Yield what the commands and plugin sources of a manifest take from elsewhere."""
    if isinstance(value, list):
        for each in value:
            yield from _in_json(each)
    if not isinstance(value, dict):
        return
    if isinstance(command := value.get("command"), str):
        arguments = [each for each in value.get("args", []) if isinstance(each, str)]
        yield from in_line(shlex.join([*shlex.split(command), *arguments]))
    if "source" in value and not _is_fixed_source(value["source"]):
        yield f"is not pinned by a commit: {json.dumps(value['source'])}"
    for key, each in value.items():
        if key != "source":
            yield from _in_json(each)


def _is_fixed_source(source: object) -> bool:
    if isinstance(source, dict):
        return re.fullmatch(r"[0-9a-f]{40}", str(source.get("sha", ""))) is not None
    return isinstance(source, str) and source.startswith("./")


def _in_command(words: list[str]) -> Iterator[str]:
    for start in range(len(words)):
        for table in (STARTERS, INSTALLERS, RUNNERS):
            for program, with_value in table.items():
                if tuple(words[start : start + len(program)]) == program:
                    named = _named(words[start + len(program) :], with_value, table)
                    yield from (f"has no exact version: {each}" for each in named if not _is_fixed(each))
                    return


def _named(words: list[str], with_value: frozenset[str], table: object) -> Iterator[str]:
    """Yield the code that a command names: its values of ``NAMES_CODE``, and what is not an option."""
    given = iter(words)
    by_option = table is RUNNERS
    for word in given:
        option, equals, value = word.partition("=")
        if option in NAMES_CODE:
            by_option = by_option or option != "--with"
            yield value if equals else next(given, "")
        elif word in with_value:
            next(given, "")
        elif not word.startswith("-"):
            if not by_option:
                yield word
            if table is not INSTALLERS:
                return


def _is_fixed(named: str, *, by_hash: bool = False) -> bool:
    if _LOCAL.fullmatch(named):
        return True
    if by_hash:
        return re.search(r"@(?:[0-9a-f]{40}|sha256:[0-9a-f]{64})(?:#.*)?$", named) is not None
    return _PINNED.fullmatch(named) is not None


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Yield each command line with its number; a backslash at the end joins it to the next."""
    number, held = 1, ""
    for current, line in enumerate(text.splitlines(), start=1):
        number = number if held else current
        if line.endswith("\\"):
            held += line[:-1]
        else:
            yield number, held + line
            held = ""


if __name__ == "__main__":
    problems = findings(ROOT)
    for problem in problems:
        sys.stdout.write(f"{problem.path}:{problem.line}: {problem.text}\n")
    sys.exit(1 if problems else 0)
