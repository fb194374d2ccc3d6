"""mypy, and pyright and pyrefly in the same format: errors by code, the total, notes as details."""

import re
from typing import ClassVar

from server.digests.frames import short_place
from server.digests.recognisers.base import literal
from server.digests.recognisers.line_messages import LineMessages
from server.digests.values import Fact, Line, Part

_PYRIGHT_RULE = re.compile(r"\((?P<rule>report\w+)\)$")
_WRAPPED = re.compile(r"^\[(?P<alone>[\w-]+)\]$|^(?P<rest>\S.*?)(?: {2}\[(?P<rule>[\w-]+)\])?$")


class Mypy(LineMessages):
    """mypy's default and column formats; pyright's text format."""

    name = "mypy"
    triggers = (
        r"^\s*\S+\.pyi?:\d+(?::\d+)?(?::\d+:\d+)?(?::| -) (?:error|warning|note|information): ",
        r"^Found \d+ errors? in \d+ files? \(",
        r"^Success: no issues found in",
        r"^\d+ errors?, \d+ warnings?, \d+ (?:informations?|notes?)",
    )
    message = re.compile(
        r"^\s*(?P<place>\S+?\.pyi?:\d+(?::\d+)?)(?::\d+:\d+)?(?::| -) (?P<severity>error|warning|note|"
        r"information): "
        r"(?P<text>.+?)(?: +[\[(](?P<rule>[\w-]+)[\])])?$"
    )
    total: ClassVar[re.Pattern[str]] = re.compile(
        r"^(?:Found \d+ errors? in|Success: no issues|\d+ errors?, \d+ warnings?)"
    )
    note = (*LineMessages.note, "information")
    context = re.compile(r"^ {4}")

    def __init__(self) -> None:
        super().__init__()
        self._wrapped: tuple[str, Part, Part, list[Part]] | None = None
        self._pyright = False

    def feed(self, line: Line) -> bool:
        text = line.text
        if self._wrapped is not None and not (self.message.match(text) or self.total.match(text)):
            if self._pyright and text[:4].isspace():
                self._continue_pyright(line)
                return True
            if (found := _WRAPPED.match(text)) and text:
                self._continue(line, found)
                return True
            self._flush(None)
            return text.startswith("    ")
        self._flush(None)
        return super().feed(line)

    def facts(self) -> list[Fact]:
        self._flush(None)
        return super().facts()

    def _message(self, line: Line, found: re.Match[str]) -> None:
        """Keep a message without a code. With ``--pretty``, the next lines continue it and hold the code."""
        if found["rule"] or self.severity(found) == "note":
            super()._message(line, found)
            return
        text, place = literal(line, found["text"]), literal(line, short_place(found["place"]))
        self._pyright = " - " in line.text[: found.start("text")]
        self._wrapped = (self.severity(found), text, place, [])
        self.open = True

    def _continue_pyright(self, line: Line) -> None:
        """Read an indented line that explains a message. The last such line ends with the rule name."""
        assert self._wrapped is not None
        if len(self._wrapped[3]) < 3:
            self._wrapped[3].append(literal(line))
        if found := _PYRIGHT_RULE.search(line.text):
            self._flush(literal(line, found["rule"]))

    def _continue(self, line: Line, found: re.Match[str]) -> None:
        assert self._wrapped is not None
        rule = found["rule"] or found["alone"]
        rest = self._wrapped[3]
        if found["rest"] and len(rest) < 3:
            rest.append(literal(line, found["rest"]))
        if rule or len(rest) >= 3:
            self._flush(literal(line, rule) if rule else None)

    def _flush(self, rule: Part | None) -> None:
        if self._wrapped is not None:
            severity, text, place, rest = self._wrapped
            self.messages += 1
            self._details = self.diagnostics.add(severity, text, place, rule, rest if rule else [])
        self._wrapped = None
