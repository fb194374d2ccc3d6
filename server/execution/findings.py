"""Findings of running code: the load, the result of each fact, notices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from server.execution.python.facts import Fact
from server.execution.python.names import Unbound
from server.execution.sandbox.values import CommandJob, JobResult, PythonJob

Verdict = Literal["passed", "failed", "not run"]
_MISSING_PACKAGE = "the package `{}` is not installed"


def package_is_missing(name: str) -> str:
    """Return the cause that a package is missing."""
    return _MISSING_PACKAGE.format(name)


def missing_package(cause: str) -> str:
    """Return the missing package that such a cause names; empty for any other cause."""
    before, after = _MISSING_PACKAGE.split("{}")
    found = cause.startswith(before) and cause.endswith(after)
    return cause.removeprefix(before).removesuffix(after) if found else ""


class Runs(Protocol):
    """A proven sandbox (``sandbox/find.py``)."""

    async def run(self, jobs: Sequence[PythonJob | CommandJob]) -> list[JobResult]:
        """Run jobs, each in fresh processes."""


@dataclass(frozen=True)
class FactResult:
    """Result of one fact.

    Attributes:
        verdict: ``not run`` for causes outside the code; counts neither for nor against the code.
        detail: the observed value, or the cause; empty for ``passed``.
        changed: places of the call's arguments that the call changed, counted from 0.
        expected_from_code: whether the expected value came from the code, because it needs the code's
        classes.
    """

    fact: Fact
    verdict: Verdict
    detail: str = ""
    changed: tuple[int, ...] = ()
    expected_from_code: bool = False


@dataclass(frozen=True)
class Load:
    """Result of loading the module once.

    Attributes:
        verdict: whether the module loads.
        detail: the error with its line, or the cause outside the code.
        printed: whether the module prints at import.
        files: files that the module created at import.
        attempts: actions at import beyond computing, such as ``use the network``.
        threads: threads that the module left running.
    """

    verdict: Verdict
    detail: str = ""
    printed: bool = False
    files: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()
    threads: int = 0


@dataclass(frozen=True)
class CodeCheck:
    """The result of a check."""

    load: Load
    names: Unbound = field(default_factory=Unbound)
    facts: tuple[FactResult, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether any result speaks against the code."""
        return (
            self.load.verdict == "failed"
            or bool(self.names.elsewhere)
            or any(result.verdict == "failed" for result in self.facts)
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """Facts that the user should know, without effect on the verdict."""
        found = []
        if self.load.printed:
            found.append("It prints when it is imported.")
        found += [f"When it is imported, it tries to {attempt}." for attempt in self.load.attempts]
        if self.load.threads:
            found.append("It leaves threads running when it is imported.")
        found += [f"The name `{name}` is bound nowhere in it." for name in self.names.nowhere]
        found += [
            f"`{result.fact.left}` changes its argument in place." for result in self.facts if result.changed
        ]
        return tuple(dict.fromkeys(found))
