"""Twenty chores with real material: this project's sources, and typical requests to Claude about them.

Each chore has its files before, its expected result, and Claude's work in three ways: with its own tools,
with a tool that takes contents inline and returns text (like most local-model servers), and with Token Saver.
If Claude alone has several options (one ``Write`` or several ``Edit``), the cheaper one counts.
"""

import ast
import difflib
import random
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Chore:
    """One request of a user to Claude.

    ``kind`` is ``write`` (a new file), ``edit`` (files in place), ``digest`` or ``explain`` (text for
    Claude). ``before`` and ``after`` hold files by name; ``inputs`` are those that the work is read from.
    ``batch`` makes it one call over all inputs. ``fails`` makes the local model fail, so that Claude does the
    work. ``replaces`` is the old and the new text of a replacement everywhere.
    """

    name: str
    kind: str
    task: str
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    batch_output: str = ""
    answer: str = ""
    fails: bool = False
    replaces: tuple[str, str] = ("", "")


def chores() -> tuple[Chore, ...]:
    """Return the twenty chores in the order of the table."""
    return (
        _written("a small function", SLUG_TASK, "slug.py", SLUG),
        _written("a class", SPLITTER_TASK, "thinking.py", _source("server/backends/thinking.py")),
        _written("a module", FOLDING_TASK, "folding.py", _source("tests/bench/support/fold_0_1_0.py")),
        _tests("server/ledger/prices.py", "tests/ledger/test_prices.py"),
        _tests("server/offload/files/workspace.py", "tests/offload/test_workspace.py"),
        _docstrings("server/engine/queue.py"),
        _docstrings("server/clients/config_files.py"),
        _docstrings("tray/sni.py"),
        _changed(
            "a constant changed", RECENT_TASK, "server/batch/service.py", ("RECENT = 20\n", "RECENT = 40\n")
        ),
        _changed(
            "a text reworded",
            GONE_TASK,
            "server/offload/delivery/undo.py",
            ("was removed", "is gone"),
        ),
        _changed("a name changed everywhere", RENAME_TASK, "server/engine/queue.py", ("client", "caller")),
        _log(300),
        _log(3000),
        _explained("server/offload/delivery/atomic.py", answer=ATOMIC_ANSWER),
        _explained(
            "server/batch/plan.py", "server/batch/items.py", "server/batch/recovery.py", answer=PLAN_ANSWER
        ),
        _converted(60),
        _converted(200),
        _batch_docstrings("server/commands"),
        _batch_notes("server/policy"),
        _docstrings("server/backends/embedded/child_process.py", fails=True),
    )


def without_docstrings(source: str) -> str:
    """Return the source without docstrings of functions and classes, otherwise unchanged byte for byte."""
    lines = source.splitlines(keepends=True)
    dropped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or len(node.body) < 2:
            continue
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            assert first.end_lineno is not None
            dropped.update(range(first.lineno - 1, first.end_lineno))
            if isinstance(node, ast.ClassDef) and not lines[first.end_lineno].strip():
                dropped.add(first.end_lineno)
    return "".join(line for number, line in enumerate(lines) if number not in dropped)


def hunks(before: str, after: str) -> list[tuple[str, str]]:
    """Return the changes as pairs of old and new text, each old one found exactly once in ``before``."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pairs: list[tuple[str, str]] = []
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(
        a=old, b=new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        lead = tail = 0
        while before.count(found := "".join(old[start - lead : end + tail])) != 1 or not found.strip():
            if start - lead > 0:
                lead += 1
            else:
                tail += 1
        pairs.append(
            (found, "".join(old[start - lead : start] + new[new_start:new_end] + old[end : end + tail]))
        )
    return pairs


def _source(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _written(name: str, task: str, path: str, text: str) -> Chore:
    return Chore(name + _lines(text), "write", task, after={path: text})


def _tests(source: str, tests: str) -> Chore:
    before, text = {Path(source).name: _source(source)}, _source(tests)
    task = f"Write pytest tests for {Path(source).name}: usual cases, limits and errors."
    return Chore("tests" + _lines(text), "write", task, before, {Path(tests).name: text}, tuple(before))


def _docstrings(source: str, *, fails: bool = False) -> Chore:
    path, text = Path(source).name, _source(source)
    name = ("docstrings that the model gets wrong" if fails else "docstrings") + _lines(text)
    task = f"Add docstrings to the functions and classes of {path} that lack one."
    return Chore(name, "edit", task, {path: without_docstrings(text)}, {path: text}, (path,), fails=fails)


def _changed(name: str, task: str, source: str, change: tuple[str, str]) -> Chore:
    path, text = Path(source).name, _source(source)
    changed = text.replace(*change)
    assert changed != text, name
    return Chore(name + _lines(text), "edit", task, {path: text}, {path: changed}, (path,), replaces=change)


def _log(lines: int) -> Chore:
    chance = random.Random(11)
    written = []
    for number in range(1, lines + 1):
        at = f"2026-11-20T04:{number // 60 % 60:02}:{number % 60:02}Z"
        what = chance.choice(("GET /api/items 200", "GET /healthz 200", "POST /api/items 201", "cache hit"))
        written.append(f"{at} INFO  worker-{chance.randrange(8)} {what} {chance.randrange(3, 90)} ms")
    wrong = lines * 2 // 3
    event = "ERROR worker-3 upstream closed the connection: ECONNRESET 10.0.0.7"
    written[wrong - 1] = f"2026-11-20T04:41:07Z {event}"
    before = {"app.log": "\n".join(written) + "\n"}
    task = "What went wrong in app.log?"
    return Chore(
        f"a log{_lines(lines)}", "digest", task, before, inputs=("app.log",), answer=f"- L{wrong}: {event}"
    )


def _explained(*sources: str, answer: str) -> Chore:
    before = {Path(each).name: _source(each) for each in sources}
    name = f"a question on {len(sources)} file{'s' * (len(sources) > 1)}{_lines(''.join(before.values()))}"
    return Chore(name, "explain", EXPLAIN_TASK, before, {}, tuple(before), answer=answer)


def _converted(rows: int) -> Chore:
    chance = random.Random(3)
    words = ("alpha", "bravo", "carbon", "delta", "ember", "fjord")
    cells = [
        (f"{chance.choice(words)}-{number}", str(chance.randrange(10_000)), chance.choice(("yes", "no")))
        for number in range(rows)
    ]
    head = ("name", "requests", "cached")
    table = "".join(f"| {' | '.join(row)} |\n" for row in (head, ("---",) * 3, *cells))
    csv = "".join(",".join(row) + "\n" for row in (head, *cells))
    task = "Turn the table in usage.md into CSV with the same columns."
    name = f"a table to CSV{_lines(rows + 1)}"
    return Chore(name, "write", task, {"usage.md": table}, {"usage.csv": csv}, ("usage.md",))


def _batch_docstrings(folder: str) -> Chore:
    after = _folder_sources(folder)
    before = {path: without_docstrings(text) for path, text in after.items()}
    task = "Add docstrings to the functions and classes that lack one."
    return Chore(
        f"docstrings in {len(before)} files",
        "edit",
        task,
        before,
        after,
        tuple(before),
        batch_output="{path}",
    )


def _batch_notes(folder: str) -> Chore:
    before = _folder_sources(folder)
    after = {f"{Path(path).stem}.md": _note(path, text) for path, text in before.items()}
    task = "Write notes on this file: what it is for, and each public function and class in one line."
    return Chore(
        f"notes on {len(before)} files",
        "write",
        task,
        before,
        after,
        tuple(before),
        batch_output="{dir}/{stem}.md",
    )


def _folder_sources(folder: str) -> dict[str, str]:
    """Return the first twelve modules of the folder that have docstrings to remove."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / folder).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if without_docstrings(text) != text and len(found) < 12:
            found[path.name] = text
    return found


def _note(path: str, text: str) -> str:
    tree = ast.parse(text)
    first = (ast.get_docstring(tree) or "").split("\n\n")[0]
    lines = [f"# {path}", "", " ".join(first.split()), ""]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            said = (ast.get_docstring(node) or "").split("\n")[0]
            lines.append(f"- `{node.name}`: {said}")
    return "\n".join(lines) + "\n"


def _lines(text: str | int) -> str:
    return f", {text if isinstance(text, int) else text.count(chr(10))} lines"


SLUG_TASK = (
    "Write slugify(text: str) -> str: lower case, letters and digits of ASCII kept, every run of other "
    "characters one hyphen, none at the ends."
)
SLUG = '''\
"""Names for addresses."""

import re


def slugify(text: str) -> str:
    """Return the text in lower case with a hyphen for every run of other characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
'''
SPLITTER_TASK = (
    "Write a class ThinkingSplitter that splits a stream of text into thoughts and answer. feed(text) "
    "returns the TextDelta pieces that are certain, finish() the rest. Tags: <think>, <thinking>, <thought>, "
    "<seed:think>, [THINK], only at the very beginning; pieces may break anywhere, also within a tag."
)
FOLDING_TASK = (
    "Write a module that folds long repetition in logs: fold(lines, most) replaces runs of records that "
    "differ only in numbers, times, addresses and ids by the first of them and a count, first finely, then "
    "coarsely until it fits, and keeps every line that holds an error word or a word that is sought, with "
    "its line number."
)
RECENT_TASK = "Estimates of the time shall look at the last 40 offloads, not 20."
GONE_TASK = "Where the user is told that a file 'was removed', say 'is gone'."
RENAME_TASK = "Say caller instead of client everywhere, in names and in comments."
EXPLAIN_TASK = "How does this code make sure that a crash leaves nothing half done? Name functions."
ATOMIC_ANSWER = (
    "`write` calls `_write`, which creates a temporary file beside the target with O_EXCL, writes and syncs "
    "it, checks the digest of the target again with `_require`, and renames it over the target in one step. "
    "If any step fails the temporary file is unlinked, and `write` removes the folders that it created. "
    "`remove_unfinished` clears what a kill left."
)
PLAN_ANSWER = (
    "Jobs and items are rows before work begins. An item is marked running with the id of its offload "
    "first; after a crash `settle_interrupted` (recover.py) looks at that offload's row: if it has its end "
    "the item is settled by that, otherwise released and done again, its file having been put back before."
)
