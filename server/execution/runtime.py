"""The interface for languages whose new code can be checked by running it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from server.execution.findings import CodeCheck, Runs
from server.execution.python.facts import Fact
from server.execution.sandbox.probe import Kind
from server.execution.sandbox.values import JobResult


class Runtime(Protocol):
    """A language that can be run on this machine."""

    @property
    def kind(self) -> Kind:
        """The kind of sandbox the language needs."""

    @property
    def fence(self) -> str:
        """The info string of Markdown code blocks in this language."""

    @property
    def endings(self) -> tuple[str, ...]:
        """Suffixes of the files that code in this language may import."""

    def parse_fact(self, text: str) -> Fact:
        """Parse a fact given by a caller.

        Raises:
            FactError: the text is not a valid fact.
        """

    def find_examples(self, text: str, names: Collection[str]) -> list[Fact]:
        """Return the facts a task states about ``names``."""

    def probe_calls(self, text: str, names: Collection[str], proposed: Sequence[str]) -> list[str]:
        """Return calls that reveal how the code behaves."""

    def generated_calls(self, source: str, names: Collection[str]) -> list[str]:
        """Return calls to the source's functions with generated arguments."""

    def uses(self, source: str, name: str) -> frozenset[str]:
        """Return the names a definition reads."""

    def definitions(self, source: str) -> Mapping[str, str]:
        """Return the top-level functions and classes, each in a form that is equal for equal code."""

    def heads(self, source: str, names: Collection[str]) -> list[str]:
        """Return the first lines of functions and classes, which tell a model how to call them."""

    def emptied(self, source: str, names: Collection[str]) -> str:
        """Return the source with its functions emptied so that they do nothing."""

    def without_demonstrations(self, source: str) -> str:
        """Return the source without demonstration code."""

    def elsewhere(self, source: str) -> tuple[str, ...]:
        """Return the names that are not bound where they are used, but are bound in another scope."""

    def as_script(self, source: str, detail: str) -> str | None:
        """Return why a failure to load is not evidence against a script; None if the failure counts."""

    def outside_cause(self, error: Mapping[str, Any]) -> str | None:
        """Return the external cause of a reported error; None if the code itself is at fault."""

    async def check(
        self, sandbox: Runs, source: str, facts: Sequence[Fact] = (), files: Mapping[str, str] | None = None
    ) -> CodeCheck:
        """Load the code once and run facts against it."""

    async def probe(
        self, sandbox: Runs, source: str, calls: Sequence[str], files: Mapping[str, str] | None = None
    ) -> JobResult | None:
        """Evaluate calls and return their records; None if the code does not compile."""
