"""Stack traces in any text: the error, the deepest place in the project, the number of occurrences."""

import re
from dataclasses import dataclass, field

from server.digests.frames import frame_of, short_place
from server.digests.recognisers.base import MOST_KEPT, Recogniser, literal
from server.digests.values import Fact, Line, Part, Section

_ERROR = (
    r"(?:[\w$]+[.:\\]+)*[A-Z][\w$]*(?:Error|Exception|Failure|Fault|Throwable|Interrupt|Exit)\b"
    r"(?:\s?\[\w+\])?(?::.*|$| .*)"
)
_HEAD = re.compile(
    r"^(?P<text>(?:Exception in thread \"[^\"]*\" |Uncaught |Unhandled exception\. |Caused by: )?"
    rf"{_ERROR})$"
    r"|^(?P<other>(?:panic: |fatal error: |thread '.*' .*panicked at |terminate called|"
    r"(?:PHP )?Fatal error: |==\d+==ERROR: ).*)$"
    r"|^(?P<ruby>\S+\.rb:\d+:in .+: .+ \(.+\))$|^(?P<perl>.+ at \S+\.p[lm] line \d+\.)$"
    rf"|^.{{0,120}}?\s(?P<within>{_ERROR})$"
)
_NUMBERED = re.compile(r"^\s+\d+: ")
_QUIET = (
    "\t...", "    ...", "goroutine ", "created by", "[signal", "note: run",
    "Stack trace:", "stack backtrace:", "Backtrace:", "=====",
)  # fmt: skip
_PYTHON_END = re.compile(r"^(?P<text>(?:[A-Za-z_][\w]*\.)*[A-Z]\w*(?:: .*)?)$")


@dataclass(slots=True)
class _Trace:
    cause: Part | None
    first: int
    places: list[Part] = field(default_factory=list)
    library: Part | None = None
    chain: list[Part] = field(default_factory=list)
    count: int = 1
    last: int = 0
    frames: int = 0


class Traces(Recogniser):
    """Tracebacks from Python, Java, JavaScript, Go, Rust, Ruby, PHP, C#, C and C++, Dart, Perl."""

    name = "stack traces"
    triggers = (
        r"^\s*Traceback \(most recent call last\):",
        r"[A-Z]\w*(?:Error|Exception|Failure|Fault|Throwable)\b",
        r"^(?:panic: |fatal error: |thread '.*' .*panicked at |terminate called|PHP Fatal error|"
        r"Fatal error: |"
        r"==\d+==ERROR: )",
        r"^\s+at \S",
        r"^\S+\.rb:\d+:in .+\)$",
        r" at \S+\.p[lm] line \d+\.$",
        r"^\s*#\d+ ",
    )

    def __init__(self) -> None:
        super().__init__()
        self._traces: dict[tuple[str, str], _Trace] = {}
        self._current: _Trace | None = None
        self._python = False
        self._quiet = 0

    def feed(self, line: Line) -> bool:
        text = line.text
        if text.lstrip().startswith("Traceback (most recent"):
            self._begin(line, None)
            self._python = True
            return True
        if self._python and self._current is not None:
            return self._python_line(self._current, line)
        frame = frame_of(text)
        if frame and self._current is not None:
            self._frame(self._current, line, frame.place, library=frame.library)
            return True
        if found := _HEAD.match(text):
            cause = literal(line, next(group for group in found.groups() if group))
            if cause.text.startswith("Caused by: ") and self._current is not None:
                self._current.chain.append(cause)
                self._current.last = line.number
                return True
            self._begin(line, cause)
            if frame and frame.place:
                self._frame(self._trace, line, frame.place, library=frame.library)
            return False
        return self._other(line)

    def facts(self) -> list[Fact]:
        self._close()
        ordered = sorted(self._traces.values(), key=lambda trace: trace.count)
        return [_fact(trace, 84 - min(place // 2, 20)) for place, trace in enumerate(ordered)]

    @property
    def _trace(self) -> _Trace:
        assert self._current is not None
        return self._current

    def _begin(self, line: Line, cause: Part | None) -> None:
        self._close()
        self._current = _Trace(cause, line.number, last=line.number)
        self.open, self._python, self._quiet = True, False, 0

    def _python_line(self, current: _Trace, line: Line) -> bool:
        text = line.text.strip()
        frame = frame_of(line.text)
        if frame and text.startswith("File "):
            place = text.partition(", in ")[0].removeprefix("File ")
            self._frame(current, line, place, library=frame.library)
        elif current.frames and not line.text.startswith("    ") and (found := _PYTHON_END.match(text)):
            current.cause = literal(line, found["text"])
            current.last = line.number
            self._close()
        elif not line.text.startswith(" ") and text and current.frames:
            self._close()
            return False
        return True

    def _other(self, line: Line) -> bool:
        current = self._current
        if current is None:
            return False
        text = line.text
        if not text.strip() or text.startswith(
            ("\t...", "    ...", "goroutine ", "created by", "[signal", "note: run")
        ):
            current.last = line.number
            self._quiet += 1
            if self._quiet > 3:
                self._close()
            return bool(text.strip())
        if _NUMBERED.match(text):
            return True
        if current.frames == 0 and len(current.chain) < 3:
            current.chain.append(literal(line))
            return False
        if re.match(r"^[\w./*()$<>{}?, -]+\(.*\)$", text):
            return True
        self._close()
        return False

    def _frame(self, current: _Trace, line: Line, place: str, *, library: bool) -> None:
        current.frames += 1
        current.last = line.number
        self._quiet = 0
        if not place:
            return
        part = literal(line, short_place(place))
        if library:
            current.library = current.library or part
        elif self._python:
            current.places = [part, *current.places][:3]
        elif len(current.places) < 3:
            current.places.append(part)

    def _close(self) -> None:
        current = self._current
        self._current, self.open, self._python = None, False, False
        if current is None or current.cause is None or not current.frames:
            return
        place = current.places[0].text if current.places else ""
        known = self._traces.get((current.cause.text, place))
        if known is not None:
            known.count += 1
            known.last = current.last
        elif len(self._traces) < MOST_KEPT:
            self._traces[current.cause.text, place] = current


def _fact(trace: _Trace, worth: int) -> Fact:
    assert trace.cause is not None
    parts = [Part(trace.cause.text, trace.cause.line, worth)]
    places = trace.places or ([trace.library] if trace.library else [])
    parts += [Part(part.text, part.line, worth - 2 - 14 * place) for place, part in enumerate(places)]
    parts += [Part(part.text, part.line, worth - 6 - 8 * place) for place, part in enumerate(trace.chain[:4])]
    return Fact(
        Section.ERROR, tuple(parts), trace.count, trace.last if trace.count > 1 else 0, first=trace.first
    )
