"""ruff, flake8, pycodestyle and pylint: the total, problems by rule, fixable problems."""

import re

from server.digests.recognisers.base import literal
from server.digests.recognisers.line_messages import LineMessages
from server.digests.values import Line, Part

_HEAD = re.compile(r"^(?P<rule>[A-Z]{1,4}\d{3,4}|invalid-syntax)(?: \[\*\]|:)? (?P<text>.+)$")
_MINOR = re.compile(r"[CRWI]\d{4}")
_ARROW = re.compile(r"^ *--> (?P<place>\S+?:\d+:\d+)$")


class Ruff(LineMessages):
    """ruff's full and concise formats, and flake8 and pylint output in the same format."""

    name = "ruff"
    triggers = (
        r"^\S+\.(?:pyi?|ipynb)(?::cell \d+)?:\d+:\d+: (?:[A-Z]{1,4}\d{3,5}|SyntaxError|invalid-syntax)",
        r"^(?:[A-Z]{1,4}\d{3,4}(?: \[\*\])?|invalid-syntax:) \S",
        r"^ +--> \S+\.(?:pyi?|ipynb):\d+:\d+$",
        r"^Found \d+ errors?(?: \(|\.|$)",
        r"^\[\*\] \d+ (?:potentially )?fixable|^No fixes available|^All checks passed!",
        r"^Your code has been rated at ",
    )
    message = re.compile(
        r"^(?P<place>\S+?\.(?:pyi?|ipynb)(?::cell \d+)?:\d+:\d+): "
        r"(?P<rule>[A-Z]{1,4}\d{3,5}|SyntaxError|invalid-syntax):? (?:\[\*\] )?(?P<text>.+)$"
    )
    total = re.compile(
        r"^(?:Found \d+ errors?|\[\*\] \d+|No fixes available|All checks passed|Your code has been rated)"
    )
    context = re.compile(r"^ *\d* *\||^help: |^ *\||^\s*$|^ +\S")

    def __init__(self) -> None:
        super().__init__()
        self._head: tuple[Part, Part] | None = None

    def severity(self, found: re.Match[str]) -> str:
        """Return the severity. pylint encodes it in its codes; the other tools report only errors."""
        return "warning" if _MINOR.fullmatch(found["rule"]) else "error"

    def continued(self, line: Line) -> bool:
        if found := _HEAD.match(line.text):
            self._head = (literal(line, found["text"]), literal(line, found["rule"]))
            self.open = True
            return True
        if (found := _ARROW.match(line.text)) and self._head is not None:
            text, rule = self._head
            self._details = self.diagnostics.add("error", text, literal(line, found["place"]), rule)
            self.messages += 1
            self._head = None
            return True
        if self.open and line.text.startswith("help: "):
            self._details.append(literal(line))
            return True
        return super().continued(line)
