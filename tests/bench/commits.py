"""Benchmark of ``token-saver commit`` with a real model: ``uv run python -m tests.bench.commits [options]``.

The embedded Qwen2.5-Coder 1.5B writes the messages of the prepared repositories of
``tests/commands/commit/test_commit.py``, and with ``--repository`` those of the latest commits of a
repository, each made again on its parent. A message names a foreign thing if a path, an identifier, a number
or a quoted text of it is neither in the change nor a count of its files or lines. Printed are the messages,
those things, and why a message was made from the file names; the exit status is 1 if a message names a
foreign thing.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.commands.commit.repo import Repo
from tests.commands.commit.test_commit import GOOD
from tests.engine_models import QWEN, put_model
from tests.hub_process import start_hub

RESULT = Path(__file__).parent / "results" / "commits.json"
SECONDS = 900.0
"""Time limit of one commit (seconds)."""
STYLES = {
    "plain": (),
    "conventional": ("feat: one", "fix(base0): two", "chore: three", "docs: four") * 3,
    "german": ("Füge Prüfung der Eingabe hinzu", "Entferne die Werte", "Benenne die Grenzen") * 3,
}
_NAME = re.compile(r"[\w./\\:-]*(?:[_/\\]|\w\.\w|[a-z][A-Z]|\d)[\w./\\:-]*")
_QUOTED = re.compile(r"[`\"']([^`\"'\n]{2,80})[`\"']")


@dataclass(frozen=True)
class Row:
    """One commit: its message, what it names that the change lacks, and what the command said of it."""

    case: str
    message: str
    foreign: tuple[str, ...]
    remark: str
    seconds: float


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repository", type=Path, help="a repository whose latest commits are made again")
    parser.add_argument("--commits", type=int, default=20, help="the number of those commits")
    options = parser.parse_args()
    settings = {
        "TOKEN_SAVER_BACKEND__KIND": "embedded",
        "TOKEN_SAVER_BACKEND__URL": "",
        "TOKEN_SAVER_EMBEDDED__MODEL": QWEN,
    }
    rows = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "hub"
        put_model(home, QWEN)
        with start_hub(home, **settings) as hub:
            cases = [*_prepared(Path(name), hub.environ)]
            if options.repository is not None:
                cases += _replayed(Path(name), hub.environ, options.repository, options.commits)
            for case, make in cases:
                row = _row(case, make())
                rows.append(row)
                said = f"{row.message!r} {row.remark} {row.foreign or ''}"
                print(f"{case}: {said} {row.seconds:.0f} s", flush=True)
    wrong = [row for row in rows if row.foreign]
    own = sum(not row.remark for row in rows)
    print(f"{len(rows)} commits, {own} messages by the model, {len(wrong)} name a foreign thing")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    sys.exit(1 if wrong else 0)


def _prepared(folder: Path, environ: dict[str, str]) -> Iterator[tuple[str, Callable[[], Repo]]]:
    """Yield the repositories of the tests that are to be committed, in each style once."""
    prepares = dict.fromkeys(prepare for prepare, _, _ in GOOD.values())
    for style, subjects in STYLES.items():
        for prepare in prepares:
            case = f"{prepare.__name__}-{style}"
            yield case, partial(_prepare, folder / case, environ, subjects, prepare)


def _prepare(
    folder: Path, environ: dict[str, str], subjects: tuple[str, ...], prepare: Callable[[Repo], None]
) -> Repo:
    folder.mkdir()
    repo = Repo(folder / "project", environ)
    repo.retell(*subjects)
    prepare(repo)
    return repo


def _replayed(
    folder: Path, environ: dict[str, str], repository: Path, most: int
) -> Iterator[tuple[str, Callable[[], Repo]]]:
    """Yield the latest commits of a repository, undone but staged."""
    command = ["git", "-C", str(repository), "log", "--no-merges", "--format=%H", f"-{most}"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    for commit in listed.stdout.split():
        yield commit[:10], partial(_undo, folder / commit, environ, repository, commit)


def _undo(folder: Path, environ: dict[str, str], repository: Path, commit: str) -> Repo:
    repo = Repo(folder, environ)
    repo.git("fetch", "-q", str(repository), commit)
    repo.git("checkout", "-q", "-B", "main", "FETCH_HEAD")
    repo.git("reset", "-q", "--soft", "HEAD^")
    return repo


def _row(case: str, repo: Repo) -> Row:
    shown = repo.git("-c", "core.quotePath=false", "diff", "--cached", "--find-renames")
    patch = re.sub(r"^(?:index [0-9a-f]+\.\..*|@@ [^@]*@@)", "", shown, flags=re.MULTILINE)
    numstat = repo.git("diff", "--cached", "--find-renames", "--numstat")
    started = time.monotonic()
    try:
        done = repo.commit(seconds=SECONDS)
    except subprocess.TimeoutExpired:
        return Row(case, "", (), f"no message within {SECONDS:.0f} s", SECONDS)
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    message = repo.git("log", "-1", "--format=%B").strip()
    remark = done.stdout.splitlines()[1].partition("; ")[2]
    return Row(case, message, tuple(_foreign(message, patch, numstat)), remark, seconds)


def _foreign(message: str, patch: str, numstat: str) -> Iterator[str]:
    """Yield names in a message that are neither in the patch nor a count of it."""
    counts = {str(len(numstat.splitlines())), *re.findall(r"\d+", numstat)}
    body = re.sub(r"^[a-z]+(\([^)]*\))?!?: ", "", message)
    names = [*_NAME.findall(body), *_QUOTED.findall(body)]
    for name in dict.fromkeys(name.strip(".:-") for name in names):
        if name not in counts and not re.search(_as_whole(name), patch, re.IGNORECASE):
            yield name


def _as_whole(name: str) -> str:
    """Return a pattern for a name that is not a piece of a longer name or number."""
    before = r"(?<!\w)(?<!\d[.,])" if name[0].isdigit() else r"(?<!\w)" if name[0].isalpha() else ""
    after = r"(?!\w)(?![.,]\d)" if name[-1].isdigit() else r"(?!\w)" if name[-1].isalpha() else ""
    return before + re.escape(name) + after


if __name__ == "__main__":
    main()
