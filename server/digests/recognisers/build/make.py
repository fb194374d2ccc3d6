"""make and ninja: failed targets with their makefile lines, and commands that exited with an error."""

import re

from server.digests.recognisers.base import Ends, Recogniser, literal
from server.digests.values import Fact, Line, Part, Section

_FAILED = re.compile(r"^(?:\S*make)(?:\[\d+\])?: \*\*\* (?P<text>.+)$")
_NOT_MADE = re.compile(
    r"^(?:\S*make)(?:\[\d+\])?: (?P<text>Target .* not remade because of errors\.|\[.*\] Error"
    r" \d+ \(ignored\)|.*[Ww]arning:.*)$"
)
_PROGRAM = re.compile(
    r"^(?:[\w./+-]*[A-Za-z][\w./+-]*|/bin/\w+: \d+|\w+: line \d+): (?!\*\*\*|error: ld )\D.*$"
)
_COMMAND_FAILED = re.compile(r"\] Error \d+$")
_NINJA = re.compile(r"^(?:FAILED: (?:\[code=\d+\] )?.+|ninja: .+)$")
_QUIET = re.compile(
    r"^\S*make(?:\[\d+\])?: (?:Entering|Leaving) directory|^\[ *\d+%\] |^\[\d+/\d+\] |^\S*make"
    r"(?:\[\d+\])?: Nothing to be done|^-- "
)


class Make(Recogniser):
    """GNU make, including -k and recursive runs; ninja."""

    name = "make"
    triggers = (
        r"^\S*make(?:\[\d+\])?: ",
        r"^FAILED: ",
        r"^ninja: ",
        r"^\[ *\d+%\] (?:Building|Linking|Built target|Generating)",
        r"^\[\d+/\d+\] ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._failed: Ends[Part] = Ends()
        self._other: Ends[Part] = Ends()
        self._causes: Ends[Part] = Ends()
        self._before: Line | None = None

    def feed(self, line: Line) -> bool:
        text = line.text
        before, self._before = self._before, line
        self.open = True
        if _FAILED.match(text) or _NINJA.match(text):
            self._failed.append(literal(line))
            if before is not None and _COMMAND_FAILED.search(text) and _PROGRAM.match(before.text):
                self._causes.append(literal(before))
            return True
        if _NOT_MADE.match(text):
            self._other.append(literal(line))
            return True
        return _QUIET.match(text) is not None

    def facts(self) -> list[Fact]:
        return [
            Fact(section, (Part(part.text, part.line, worth - min(place, 25)),))
            for section, worth, parts in (
                (Section.RESULT, 91, self._failed),
                (Section.ERROR, 83, self._causes),
                (Section.WARNING, 64, self._other),
            )
            for place, part in enumerate(parts[:200])
        ]
