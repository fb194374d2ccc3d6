"""The JavaScript and TypeScript runtime: checks new code by running it."""

# ruff: noqa: ARG002 - the parameters are those of ``Runtime``

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from server.execution.findings import CodeCheck, FactResult, Load, Runs, package_is_missing
from server.execution.python.facts import Fact
from server.execution.sandbox.evaluator import encode
from server.execution.sandbox.probe import Kind
from server.execution.sandbox.values import CommandJob, JobResult
from server.execution.scripts import javascript_facts, javascript_text
from server.execution.scripts.javascript import Engine, has_started, javascript_job, javascript_records
from server.execution.scripts.judge import judge_fact, judge_load

_MISSING_MODULE = ("MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED")
_MISSING_IN_DENO = ("Module not found", "Relative import path", "Import ")
_NO_TYPESCRIPT = ("ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")
_PACKAGE = re.compile(r"['\"](?:npm:)?(@[\w.-]+/[\w.-]+|\w[\w.-]*)(?:/[^'\"]*)?['\"]")
_SYSTEM = frozenset(
    {
        *("ENOENT", "EACCES", "EPERM", "EROFS", "ENETUNREACH", "ECONNREFUSED", "EHOSTUNREACH"),
        *("ENOTFOUND", "EAI_AGAIN", "EAGAIN", "ERR_ACCESS_DENIED"),
    }
)
_DENIED = frozenset({"javascript.NotCapable", "javascript.PermissionDenied"})
_HOSTS = frozenset(
    {
        *("window", "document", "navigator", "location", "history", "localStorage", "sessionStorage"),
        *("alert", "confirm", "prompt", "XMLHttpRequest", "HTMLElement", "customElements", "Image"),
        *("requestAnimationFrame", "getComputedStyle", "MutationObserver", "IntersectionObserver"),
        *("describe", "it", "test", "expect", "beforeEach", "afterEach", "jest", "vi"),
        *("chrome", "browser", "Bun", "Deno", "process", "require", "React", "importScripts", "$", "jQuery"),
    }
)
"""Names provided by browsers, extensions, test runners and other engines."""


@dataclass(frozen=True)
class JavaScriptRuntime:
    """JavaScript or TypeScript code, run by an engine on this machine.

    Attributes:
        engine: the engine that runs it.
        typescript: whether the code is TypeScript.
        path: path to the code within its project.
    """

    engine: Engine
    typescript: bool = False
    path: str = ""

    kind: Kind = "command"
    endings: tuple[str, ...] = (".js", ".mjs", ".cjs", ".ts", ".json")

    @property
    def fence(self) -> str:
        """The info string of Markdown code blocks."""
        return "typescript" if self.typescript else "javascript"

    def parse_fact(self, text: str) -> Fact:
        """Parse a fact such as ``f([3, 1]) === [1, 3]``."""
        return javascript_facts.parse_fact(text)

    def find_examples(self, text: str, names: Collection[str]) -> list[Fact]:
        """Return the facts a task states about ``names``."""
        return javascript_facts.find_examples(text, names)

    def probe_calls(self, text: str, names: Collection[str], proposed: Sequence[str]) -> list[str]:
        """Return the proposed calls, those found in the text, and variations of both."""
        return javascript_facts.probe_calls(text, names, proposed)

    def generated_calls(self, source: str, names: Collection[str]) -> list[str]:
        """Return calls to the module's functions with generated arguments."""
        return javascript_facts.generated_calls(source, names, typescript=self.typescript)

    def uses(self, source: str, name: str) -> frozenset[str]:
        """Return the names a definition reads."""
        return javascript_text.uses(source, name, typescript=self.typescript)

    def definitions(self, source: str) -> dict[str, str]:
        """Return the top-level functions and classes."""
        return javascript_text.definitions(source, typescript=self.typescript)

    def heads(self, source: str, names: Collection[str]) -> list[str]:
        """Return the first lines of functions and classes."""
        return javascript_text.heads(source, names, typescript=self.typescript)

    def emptied(self, source: str, names: Collection[str]) -> str:
        """Return the module with its functions emptied so that they do nothing."""
        return javascript_text.emptied(source, names, typescript=self.typescript)

    def without_demonstrations(self, source: str) -> str:
        """Return the module without print statements at its end."""
        return javascript_text.without_demonstrations(source, typescript=self.typescript)

    def elsewhere(self, source: str) -> tuple[str, ...]:
        """Return nothing: names that are out of scope are found at run time."""
        return ()

    def as_script(self, source: str, detail: str) -> str | None:
        """Return why a failure to load is not evidence against a script."""
        if detail.startswith("It ended its process") and "process." in source:
            return "it ends its process, as a script does"
        if "within its time" in detail and not self.definitions(source):
            return "it did not end within its time"
        return None

    def outside_cause(self, error: Mapping[str, Any]) -> str | None:
        """Return the external cause of an error; None if the code itself is at fault."""
        code, message, kinds = error.get("code"), str(error.get("message", "")), error.get("types", ())
        first = message.splitlines()[0][:120] if message else ""
        if code in _MISSING_MODULE or first.startswith(_MISSING_IN_DENO):
            named = _PACKAGE.search(first)
            return package_is_missing(named[1]) if named else f"it imports a missing module: {first}"
        if "does not provide an export named" in first:  # the project decides whether CommonJS is used
            return f"it imports a name that the module does not export: {first}"
        if code in _NO_TYPESCRIPT:
            return "this engine does not run its TypeScript"
        if code in _SYSTEM or _DENIED & set(kinds):
            return f"it needs more than the sandbox provides: {first}"
        if "javascript.ReferenceError" in kinds and (name := first.partition(" is not defined")[0]) in _HOSTS:
            return f"the name `{name}` is provided by the program that runs it"
        return None

    async def check(
        self, sandbox: Runs, source: str, facts: Sequence[Fact] = (), files: Mapping[str, str] | None = None
    ) -> CodeCheck:
        """Load the module once and run facts in its scope.

        Expected values never enter the process that runs the code.
        """
        if (syntax := javascript_text.why_unrun(source, typescript=self.typescript)) is not None:
            return CodeCheck(
                Load("not run", syntax), facts=tuple(FactResult(each, "not run", syntax) for each in facts)
            )
        known = [javascript_facts.literal_of(each.right) for each in facts]
        computed = [
            place
            for place, fact in enumerate(facts)
            if not known[place][0] and fact.operator not in ("true", "false", "raises")
        ]
        jobs = [self._job(source, [each.left for each in facts], files)]
        if computed:
            jobs.append(javascript_job(self.engine, "", [facts[place].right for place in computed]))
        result, *rest = await sandbox.run(jobs)
        expected: list[Mapping[str, Any]] = [{"value": encode(value)} for _, value in known]
        for number, place in enumerate(computed):
            record = _by_index(rest[0]).get(number, {})
            error = record.get("error", {"message": "it could not be evaluated"})
            expected[place] = record if "value" in record else {"error": error.get("message")}
        return self._judged(source, result, facts, expected)

    async def probe(
        self, sandbox: Runs, source: str, calls: Sequence[str], files: Mapping[str, str] | None = None
    ) -> JobResult | None:
        """Evaluate calls in the module's scope."""
        if javascript_text.why_unrun(source, typescript=self.typescript) is not None:
            return None
        (result,) = await sandbox.run([self._job(source, calls, files)])
        if result.ending == "exited" and not has_started(result):
            return replace(result, ending="not started", reason=_first_line(result.stderr))
        return replace(result, records=javascript_records(result))

    def _load_cause(self, source: str, error: Mapping[str, Any]) -> str | None:
        """Return the external cause, if any. A name bound nowhere in the code may be provided by the host."""
        found = re.fullmatch(r"([\w$]+) is not defined", str(error.get("message", "")))
        if found is not None and not javascript_text.binds(source, found[1], typescript=self.typescript):
            return f"the name `{found[1]}` is provided by the program that runs it"
        return self.outside_cause(error)

    def _job(self, source: str, expressions: Sequence[str], files: Mapping[str, str] | None) -> CommandJob:
        return javascript_job(
            self.engine, source, expressions, typescript=self.typescript, path=self.path, files=files
        )

    def _judged(
        self, source: str, result: JobResult, facts: Sequence[Fact], expected: Sequence[Mapping[str, Any]]
    ) -> CodeCheck:
        if result.ending == "exited" and not has_started(result):
            why = f"{self.engine.name} does not start in the sandbox: {_first_line(result.stderr)}"
            return CodeCheck(
                Load("not run", why), facts=tuple(FactResult(each, "not run", why) for each in facts)
            )
        load = judge_load(result, javascript_records(result), lambda error: self._load_cause(source, error))
        if load.verdict != "passed":
            why = f"the module does not load: {load.detail}"
            return CodeCheck(load, facts=tuple(FactResult(each, "not run", why) for each in facts))
        records = _by_index(result)
        judged: list[FactResult] = []
        for place, fact in enumerate(facts):
            if place and place not in records and place - 1 not in records:
                judged.append(FactResult(fact, "not run", "an earlier fact did not end"))
                continue
            judged.append(judge_fact(fact, records.get(place), expected[place], result, self.outside_cause))
        return CodeCheck(load, facts=tuple(judged))


def _first_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[0][:200] if lines else "it says nothing"


def _by_index(result: JobResult) -> dict[int, Mapping[str, Any]]:
    records = javascript_records(result)
    return {each["index"]: each for each in records if isinstance(each.get("index"), int)}
