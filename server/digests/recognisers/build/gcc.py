"""gcc, clang, javac and the linker: errors and warnings with place and flag, undefined symbols."""

import re

from server.digests.frames import short_place
from server.digests.recognisers.base import literal
from server.digests.recognisers.line_messages import LineMessages
from server.digests.values import Fact, Line, Part

_LINK = re.compile(
    r"^(?:\S*/)?(?:ld(?:\.\w+)?|collect2|clang(?:\+\+)?|ld64\.lld): (?:(?P<place>\S+?:(?:\S+?:)?"
    r"(?:\(\S+\)|\d+)?):? ?)?(?P<text>\S+\s.*)$"  # a single word is the value of a field called "ld"
    r"|^(?P<object>\S+?:(?:\d+|\(\.\S+\))): (?P<what>(?:undefined reference to|multiple"
    r" definition of|first defined here).*)$"
)
_SYMBOL = re.compile(r"undefined reference to|multiple definition of|cannot find|undefined symbol|relocation")
UNKNOWN_SYMBOL = "cannot find symbol"


class Gcc(LineMessages):
    """Compilers that print `file:line:column: severity: text [-Wflag]`, and the linker run after them."""

    name = "gcc"
    triggers = (
        r"^(?:[A-Za-z]:)?[^\s:][^:]*:\d+(?::\d+)?: (?:fatal error|error|warning|note|remark): ",
        r"^(?:\S*/)?(?:ld(?:\.\w+)?|collect2|ld64\.lld): \S+\s",
        r"(?:undefined reference to|multiple definition of|undefined symbol:)",
        r"^(?:cc1|cc1plus|g?cc|g\+\+|clang(?:\+\+)?): (?:fatal )?(?:error|warning): ",
        r"^\d+ (?:errors?|warnings?)(?: and \d+ (?:errors?|warnings?))?(?: generated\.?)?$",
        r"^In file included from |^\S+: In (?:member )?function |^\S+: At (?:top level|global scope):",
    )
    message = re.compile(
        r"^(?P<place>(?:[A-Za-z]:)?[^\s:][^:]*:\d+(?::\d+)?|cc1|cc1plus|g?cc|g\+\+|clang(?:\+\+)?): "
        r"(?P<severity>fatal error|error|warning|note|remark): (?P<text>.+?)(?: \[(?P<rule>-W[^\]]+"
        r"|[\w.-]+)\])?$"
    )
    total = re.compile(r"^\d+ (?:errors?|warnings?)(?: and \d+ (?:errors?|warnings?))?(?: generated\.?)?$")
    context = re.compile(
        r"^ *\d* \||^\s*\^|^ +[~^ ]+$|^ {2,}\S|^In file included from |^ +from \S+:\d+|^\S+: (?:In|At) "
    )

    def __init__(self) -> None:
        super().__init__()
        self._unknown: tuple[str, Part, Part] | None = None
        self._waited = 0

    def feed(self, line: Line) -> bool:
        if self.message.match(line.text) is None and (found := _LINK.match(line.text)):
            self._link_message(line, found)
            return True
        if line.text.startswith("In file included from ") or re.match(r"^\S+: (?:In|At) .*:$", line.text):
            return True
        return super().feed(line)

    def facts(self) -> list[Fact]:
        self._flush(None)
        return super().facts()

    def continued(self, line: Line) -> bool:
        """Read the lines that javac prints below the code: the symbol and its location."""
        if self._unknown is not None:
            self._waited += 1
            if line.text.startswith("  symbol:"):
                self._flush(literal(line))
                return True
            if self._waited < 3:
                return True
            self._flush(None)
        if self.open and line.text.startswith(("  symbol:", "  location:", "  required:", "  found:")):
            self._details.append(literal(line))
            return True
        return super().continued(line)

    def _message(self, line: Line, found: re.Match[str]) -> None:
        """Keep a javac message about an unknown symbol, whose name follows below the code."""
        self._flush(None)
        if found["text"] != UNKNOWN_SYMBOL:
            super()._message(line, found)
            return
        place = literal(line, short_place(found["place"]))
        self._unknown = (self.severity(found), literal(line, UNKNOWN_SYMBOL), place)
        self._waited, self.open = 0, True

    def _flush(self, symbol: Part | None) -> None:
        """Add the kept message, grouped by its text if the symbol is known."""
        if self._unknown is not None:
            severity, text, place = self._unknown
            self.messages += 1
            rule = text if symbol else None
            self._details = self.diagnostics.add(severity, symbol or text, place, rule)
        self._unknown = None

    def _link_message(self, line: Line, found: re.Match[str]) -> None:
        text = found["text"] or found["what"] or ""
        if not text or text.startswith(("in function", "first defined here")) or "in function `" in line.text:
            return
        if "warning: " in text and not _SYMBOL.search(text):
            self.diagnostics.add("warning", literal(line, text))
        else:
            place = (found["place"] or found["object"] or "").rstrip(":").removesuffix("error")
            symbol = text[match.start() :] if (match := _SYMBOL.search(text)) else text
            self.diagnostics.add(
                "error", literal(line, symbol), literal(line, place.rstrip(":")) if place else None
            )
        self.messages += 1
