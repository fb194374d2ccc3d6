"""The Bash runtime: checks new Bash code by running it.

A script's behaviour is its output, its exit status and the files it leaves behind. Each command line runs in
a sandbox, in its own folder. A file that only defines functions is sourced; any other file is run by name.
"""

# ruff: noqa: ARG002 - the parameters are those of ``Runtime``

import ast
import base64
import binascii
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from server.common.processes import find_program
from server.execution.findings import CodeCheck, FactResult, Load, Runs
from server.execution.inputs import varied
from server.execution.python.facts import Fact, FactError
from server.execution.sandbox.probe import Kind
from server.execution.sandbox.values import CommandJob, JobResult, Limits
from server.execution.scripts.judge import judge_fact

_EVALUATOR = Path(__file__).with_name("evaluator.sh")
_MARK = b"\x1e"
_LONGEST, _MOST = 1_000, 14
_ANY = "\0"
"""A value that no output equals, used by facts without ``==``: the command merely has to succeed."""
_QUIET = frozenset({"variable_assignment", "declaration_command", "comment", "function_definition"})
_SETTINGS = ("set", "shopt", "readonly", "declare", "export", "source", ".", "umask", "trap")
LIMITS = Limits(
    seconds=10, cpu_seconds=5, memory_bytes=256 << 20, file_bytes=8 << 20, disk_bytes=32 << 20, processes=64,
    open_files=128,
)  # fmt: skip


def bash_program() -> Path | None:
    """Return the path of Bash."""
    return Path(found).resolve() if (found := find_program("bash")) else None


@dataclass(frozen=True)
class BashFact(Fact):
    """A fact about a script: a command line and its expected output or failure status."""

    @property
    def names(self) -> frozenset[str]:
        """The words in the command line."""
        return frozenset(_words(self.left))


@dataclass(frozen=True)
class BashRuntime:
    """Bash code on this machine.

    Attributes:
        program: path to Bash.
        path: path to the code within its project.
    """

    program: Path
    path: str = ""

    kind: Kind = "command"
    fence: str = "bash"
    endings: tuple[str, ...] = (".sh", ".bash")

    @property
    def name(self) -> str:
        """The file's name, which command lines use to run it."""
        found = PurePath(self.path.replace("\\", "/")).name
        return found if re.fullmatch(r"[A-Za-z_][\w.-]*", found) else "script.sh"

    def parse_fact(self, text: str) -> Fact:
        """Parse a fact: ``slug 'A b' == 'a-b'``, or ``raises 2: rotate.sh`` for an exit status.

        Raises:
            FactError: the text is not a valid fact.
        """
        text = text.strip()
        if len(text) > _LONGEST:
            raise FactError(f"A fact has at most {_LONGEST} characters.")
        if (found := re.match(r"(?:raises|exits|fails)\s+(\w+)\s*:\s*(.+)", text)) is not None:
            return BashFact(text, self._line(found[2]), "raises", found[1])
        left, equals, right = text.rpartition(" == ")
        if not equals:
            return BashFact(text, self._line(text), "!=", _ANY)
        return BashFact(text, self._line(left), "==", _unquoted(right))

    def find_examples(self, text: str, names: Collection[str]) -> list[Fact]:
        """Return nothing: prose is not interpreted, and a command line within prose has no clear end."""
        return []

    def probe_calls(self, text: str, names: Collection[str], proposed: Sequence[str]) -> list[str]:
        """Return the proposed command lines, with variations of their arguments and of the files they
        name.
        """
        seeds = [self._line(each) for each in proposed if not _faulty(each)]
        seeds = list(dict.fromkeys(each for each in seeds if set(_words(each)) & set(names)))
        rows = [list(_variations(each, names)) for each in seeds]
        found = dict.fromkeys(seeds[: _MOST // 2])
        for number in range(max(map(len, rows), default=0)):
            for row in rows:
                if number < len(row):
                    found.setdefault(row[number])
        return list(found)[:_MOST]

    def generated_calls(self, source: str, names: Collection[str]) -> list[str]:
        """Return nothing: a script's arguments cannot be inferred from its text."""
        return []

    def uses(self, source: str, name: str) -> frozenset[str]:
        """Return the words in the source."""
        return frozenset(_words(source))

    def definitions(self, source: str) -> dict[str, str]:
        """Return the functions if the file only defines functions, otherwise the script itself."""
        nodes = _root(source).named_children
        if any(_acts(node) for node in nodes):
            return {self.name: " ".join(source.split())}
        functions = [node for node in nodes if node.type == "function_definition"]
        return {_text(node.child_by_field_name("name")): "".join(_text(node).split()) for node in functions}

    def heads(self, source: str, names: Collection[str]) -> list[str]:
        """Return how the script or its functions are called."""
        return [f"{name} ARGUMENTS..." for name in self.definitions(source) if name in names]

    def emptied(self, source: str, names: Collection[str]) -> str:
        """Return a script, or functions, that do nothing."""
        if self.name in self.definitions(source):
            return "exit 0\n"
        return "".join(f"{name}() {{ :; }}\n" for name in self.definitions(source))

    def without_demonstrations(self, source: str) -> str:
        """Return the source unchanged, because the end of a script is part of its behaviour."""
        return source

    def elsewhere(self, source: str) -> tuple[str, ...]:
        """Return nothing: names are bound at run time."""
        return ()

    def as_script(self, source: str, detail: str) -> str | None:
        """Return None: loading only reads the script and does not run it."""
        return None

    def outside_cause(self, error: Mapping[str, Any]) -> str | None:
        """Name the missing program that caused the error; None if that was not the cause."""
        found = re.search(r"([\w.+-]+): command not found", str(error.get("message", "")))
        return f"the command `{found[1]}` is not installed" if found else None

    async def check(
        self, sandbox: Runs, source: str, facts: Sequence[Fact] = (), files: Mapping[str, str] | None = None
    ) -> CodeCheck:
        """Read the script once and run facts against it."""
        lines = [each.left for each in facts] or [":"]
        results = await sandbox.run([self._job(source, line, files) for line in lines])
        reports = [_read(each) for each in results]
        if results[0].ending == "not started":
            load = Load("not run", f"the sandbox did not start: {results[0].reason}")
        elif not reports[0].started and results[0].ending == "exited":
            load = Load("not run", "Bash does not start in the sandbox")
        elif (fault := reports[0].fault) is not None:
            load = Load("failed", f"It does not parse: {fault}")
        else:
            judged = tuple(
                judge_fact(fact, report.as_fact(), {"value": fact.right}, result, self.outside_cause)
                for fact, report, result in zip(facts, reports, results, strict=False)
            )
            return CodeCheck(Load("passed"), facts=judged)
        return CodeCheck(load, facts=tuple(FactResult(fact, "not run", load.detail) for fact in facts))

    async def probe(
        self, sandbox: Runs, source: str, calls: Sequence[str], files: Mapping[str, str] | None = None
    ) -> JobResult | None:
        """Run command lines, each in its own folder, and return their effects as records."""
        results = await sandbox.run([self._job(source, line, files) for line in calls])
        reports = [_read(each) for each in results]
        if any(each.fault is not None for each in reports):
            return None
        if not reports[0].started and results[0].ending == "exited":
            return replace(results[0], ending="not started", reason="Bash does not start in the sandbox")
        records = [
            {"index": index, **record}
            for index, report in enumerate(reports)
            if (record := report.as_behaviour()) is not None
        ]
        return replace(results[0], records=tuple(records))

    def _job(self, source: str, line: str, files: Mapping[str, str] | None) -> CommandJob:
        acts = self.name in self.definitions(source)
        texts = {**(files or {}), self.name: source, "evaluator__.sh": _EVALUATOR.read_text(encoding="utf-8")}
        start = (str(self.program), "--norc", "--noprofile", "evaluator__.sh")
        return CommandJob(
            (*start, self.name, "0" if acts else "1", line),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            readable=(self.program,),
            files=texts,
            limits=LIMITS,
        )

    def _line(self, text: str) -> str:
        """Return a command line that calls the script by its bare name and can safely be compared."""
        line = text.strip().removeprefix("$ ")
        line = re.sub(
            rf"(?<![\w.-])(?:(?:bash|sh)\s+)?(?:\./)?{re.escape(self.name)}(?![\w.-])", self.name, line
        )
        if not line or _faulty(line):
            raise FactError(f"`{text[:80]}` is not a command line.")
        return line


@dataclass(frozen=True)
class _Report:
    """The result of one command line. ``started``: Bash actually ran. ``fault`` is the script's syntax
    error.
    """

    started: bool = False
    fault: str | None = None
    status: int | None = None
    output: str = ""
    error: str = ""
    files: tuple[tuple[str, str], ...] = ()

    def as_fact(self) -> Mapping[str, Any] | None:
        if self.status is None:
            return None
        if self.status:
            return {"record": "error", "error": self._failure()}
        return {"record": "value", "value": self.output.rstrip("\n")}

    def as_behaviour(self) -> Mapping[str, Any] | None:
        """Return a record of every effect a user would notice; None for a command that did not finish."""
        if self.status is None:
            return None
        if self.status and not self.output and not self.files:
            return {"record": "error", "error": self._failure()}
        seen = [self.status, bool(self.error), self.output, [list(each) for each in self.files]]
        nothing = not self.status and not self.output and not self.files
        return {"record": "value", "value": None if nothing else ["seen", seen]}

    def _failure(self) -> dict[str, Any]:
        last = self.error.strip().splitlines()[-1:] or [f"exit status {self.status}"]
        return {"types": [f"bash.{self.status}", "bash.error"], "message": last[0][:300]}


def _read(result: JobResult) -> _Report:
    """Return the report written by the evaluator. The script may have forged it."""
    report = _Report()
    files: list[tuple[str, str]] = []
    for line in result.stdout.splitlines():
        kind, *words = line.removeprefix(_MARK).split(b" ") if line.startswith(_MARK) else [b""]
        try:
            texts = [_decoded(word) for word in words[-2:]]
            if kind == b"S":
                report = _Report(started=True)
            elif kind == b"L":
                return _Report(started=True, fault=texts[0])
            elif kind == b"R":
                report = _Report(True, None, int(words[0]), texts[0], texts[1])
            elif kind == b"F":
                files.append((texts[0], texts[1]))
        except (ValueError, IndexError, binascii.Error):
            break
    return replace(report, files=tuple(files))


def _decoded(word: bytes) -> str:
    return base64.b64decode(word.removesuffix(b".")).decode(errors="replace")


def _variations(line: str, names: Collection[str]) -> Iterator[str]:
    """Yield the command line with files for its arguments, run repeatedly, and with one argument varied at a
    time.
    """
    words = _words(line)
    place = next((number for number, word in enumerate(words) if word in names), None)
    plain = not set(line) & set(";|&<>`$\n")
    if place is None or not plain:
        return
    called, given = words[: place + 1], words[place + 1 :]
    named = [
        word for word in given if re.fullmatch(r"[\w./-]*[A-Za-z][\w./-]*", word) and word[0] not in "-/."
    ]
    if named:
        once = "".join(f"printf 'one\\ntwo\\n' > {shlex.quote(word)}; " for word in named) + line
        again = "".join(f"printf 'three\\n' > {shlex.quote(word)}; " for word in named) + line
        yield once
        yield f"{once}; {again}"
        yield f"{once}; {again}; {again}; {again}"
    yield shlex.join(called)
    for number, word in enumerate(given):
        value = int(word) if re.fullmatch(r"-?\d{1,9}", word) else word
        for other in varied(value)[:3]:
            yield shlex.join([*called, *given[:number], str(other), *given[number + 1 :]])
    yield shlex.join([*called, *given, "more"])


def _acts(node: Node) -> bool:
    """Return whether a top-level statement does more than define or set something."""
    if node.type in _QUIET:
        return False
    return not (node.type == "command" and _text(node.child_by_field_name("name")) in _SETTINGS)


def _unquoted(text: str) -> str:
    """Return the text of a literal that is bare or quoted as in a shell or in Python."""
    text = text.strip()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if isinstance(value, str):
        return value.rstrip("\n")
    words = _words(text)
    return words[0] if len(words) == 1 else text


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _faulty(line: str) -> bool:
    return _root(line).has_error


def _root(text: str) -> Node:
    return _parser().parse(text.encode()).root_node


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _text(node: Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""
