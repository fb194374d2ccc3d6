"""Results of running code: whether it loads, the result of each fact, notices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from server.execution.python.facts import Fact
from server.execution.python.names import Unbound
from server.execution.sandbox.values import CommandJob, JobResult, PythonJob

Verdict = Literal["passed", "failed", "not run"]
_MISSING_PACKAGE = "the package `{}` is not installed"


def package_is_missing(name: str) -> str:
    """Return the cause text for a missing package."""
    return _MISSING_PACKAGE.format(name)


def missing_package(cause: str) -> str:
    """Return the name of the missing package if that is the cause, otherwise an empty string."""
    before, after = _MISSING_PACKAGE.split("{}")
    found = cause.startswith(before) and cause.endswith(after)
    return cause.removeprefix(before).removesuffix(after) if found else ""


class Runs(Protocol):
    """A sandbox proven to work (``sandbox/find.py``)."""

    async def run(self, jobs: Sequence[PythonJob | CommandJob]) -> list[JobResult]:
        """Run jobs, each in fresh processes."""


@dataclass(frozen=True)
class FactResult:
    """The result of one fact.

    Attributes:
        verdict: ``not run`` if the cause lies outside the code; this counts neither for nor against the code.
        detail: the observed value, or the cause; empty for ``passed``.
        changed: positions (from 0) of the arguments that the call changed.
        expected_from_code: whether the expected value came from the code itself because it uses the code's
        classes.
    """

    fact: Fact
    verdict: Verdict
    detail: str = ""
    changed: tuple[int, ...] = ()
    expected_from_code: bool = False


@dataclass(frozen=True)
class Load:
    """The result of loading the module once.

    Attributes:
        verdict: whether the module loads.
        detail: the error and its line, or the external cause.
        printed: whether the module prints at import.
        files: files the module created at import.
        attempts: side effects attempted at import, such as ``use the network``.
        threads: threads the module left running.
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
        """Return whether any result counts against the code."""
        return (
            self.load.verdict == "failed"
            or bool(self.names.elsewhere)
            or any(result.verdict == "failed" for result in self.facts)
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """Things the user should know that do not affect the verdict."""
        found = []
        if self.load.printed:
            found.append("It prints when it is imported.")
        found += [f"When it is imported, it tries to {attempt}." for attempt in self.load.attempts]
        if self.load.threads:
            found.append("It leaves threads running when it is imported.")
        found += [f"The name `{name}` is not defined anywhere in it." for name in self.names.nowhere]
        found += [
            f"`{result.fact.left}` changes its argument in place." for result in self.facts if result.changed
        ]
        return tuple(dict.fromkeys(found))
