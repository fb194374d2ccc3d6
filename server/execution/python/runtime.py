"""The Python runtime: checks new Python code by running it."""

import ast
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from server.execution.findings import CodeCheck, Runs
from server.execution.inputs import probe_calls
from server.execution.python.causes import outside_cause
from server.execution.python.check import LIMITS, check_python
from server.execution.python.demonstrations import without_demonstrations
from server.execution.python.examples import find_examples
from server.execution.python.facts import Fact, parse_fact, with_imports
from server.execution.python.generated import generated_calls
from server.execution.python.names import unbound_names
from server.execution.sandbox.probe import Kind
from server.execution.sandbox.values import JobResult, PythonJob

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class PythonRuntime:
    """Python code, evaluated in the sandbox by the app's own interpreter."""

    kind: Kind = "python"
    fence = "python"
    endings = (".py",)

    def parse_fact(self, text: str) -> Fact:
        """Parse a fact such as ``f([3, 1]) == [1, 3]``."""
        return parse_fact(text)

    def find_examples(self, text: str, names: Collection[str]) -> list[Fact]:
        """Return the facts a task states about ``names``."""
        return find_examples(text, names)

    def probe_calls(self, text: str, names: Collection[str], proposed: Sequence[str]) -> list[str]:
        """Return the proposed calls, those found in the text, and variations of both."""
        return probe_calls(text, names, [each.partition(" == ")[0] for each in proposed])

    def generated_calls(self, source: str, names: Collection[str]) -> list[str]:
        """Return calls to the module's functions with generated arguments."""
        return generated_calls(source, names)

    def uses(self, source: str, name: str) -> frozenset[str]:
        """Return the names a definition reads."""
        node = definitions_of(source).get(name)
        inner = ast.walk(node) if node is not None else ()
        return frozenset(each.id for each in inner if isinstance(each, ast.Name))

    def definitions(self, source: str) -> dict[str, str]:
        """Return the top-level functions and classes with their syntax trees."""
        return {name: ast.dump(node) for name, node in definitions_of(source).items()}

    def heads(self, source: str, names: Collection[str]) -> list[str]:
        """Return the signature line of each function, and of each class with its methods."""
        return list(_heads(source, names))

    def emptied(self, source: str, names: Collection[str]) -> str:
        """Return a module in which these functions, and the methods of these classes, do nothing."""
        tree = ast.parse(source)
        for node in tree.body:
            if isinstance(node, Definition) and node.name in names:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                        inner.body = [ast.Return(value=None)]
        return ast.unparse(ast.fix_missing_locations(tree))

    def without_demonstrations(self, source: str) -> str:
        """Return a module without the demonstrations at its end."""
        return without_demonstrations(source)

    def elsewhere(self, source: str) -> tuple[str, ...]:
        """Return the names that are bound only in another scope."""
        try:
            return unbound_names(source).elsewhere
        except (SyntaxError, ValueError):
            return ()

    def as_script(self, source: str, detail: str) -> str | None:
        """Return why a failure to load is not evidence against a script."""
        names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
        if detail.startswith("SystemExit"):
            return "it ends its process, as a script does"
        if detail.startswith("IndexError") and "argv" in names:
            return "it needs arguments of the command line"
        if "within its time" in detail and not definitions_of(source):
            return "it did not end within its time"
        return None

    def outside_cause(self, error: Mapping[str, Any]) -> str | None:
        """Return the external cause of an error; None if the code itself is at fault."""
        return outside_cause(error)

    async def check(
        self, sandbox: Runs, source: str, facts: Sequence[Fact] = (), files: Mapping[str, str] | None = None
    ) -> CodeCheck:
        """Load the module once and run facts in it."""
        return await check_python(sandbox, source, facts, files=files)

    async def probe(
        self, sandbox: Runs, source: str, calls: Sequence[str], files: Mapping[str, str] | None = None
    ) -> JobResult | None:
        """Evaluate calls in the module's namespace."""
        try:
            bound = unbound_names(source).bound
        except (SyntaxError, ValueError):
            return None
        expressions = tuple(with_imports(call, bound) for call in calls)
        job = PythonJob(source, files=files or {}, limits=LIMITS)
        (result,) = await sandbox.run([replace(job, expressions=expressions)])
        return result


def definitions_of(source: str) -> dict[str, Definition]:
    """Return a module's top-level functions and classes by name; empty if it does not parse."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {node.name: node for node in body if isinstance(node, Definition)}


def _heads(source: str, names: Collection[str]) -> Iterator[str]:
    for name, node in definitions_of(source).items():
        if name in names:
            yield _head(node)
            if isinstance(node, ast.ClassDef):
                yield from (f"    {_head(each)}" for each in node.body if isinstance(each, Definition))


def _head(node: Definition) -> str:
    return ast.unparse(node).split(":\n", 1)[0].splitlines()[-1] + ":"
