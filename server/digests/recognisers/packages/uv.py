"""uv: why resolution failed, installed or changed packages, warnings."""

import re

from server.digests.recognisers.base import MOST_KEPT, Ends, Recogniser, computed, literal
from server.digests.values import Fact, Line, Part, Section

_RESULT = re.compile(
    r"^(?:Resolved|Installed|Uninstalled|Prepared|Audited|Built|Updated) \d+ packages? |^Would (?:install|"
    r"download)"
)
_CHANGE = re.compile(r"^ (?P<sign>[+~-]) (?P<name>\S+==\S+)")
_ERROR = re.compile(r"^(?:error: |  × | +cause: |  ╰─▶ |  ├─▶ |hint: | +hint: )")
_WARNING = re.compile(r"^warning: ")


class Uv(Recogniser):
    """uv pip, sync, add, lock and run."""

    name = "uv"
    triggers = (
        r"^(?:Resolved|Installed|Uninstalled|Prepared|Audited) \d+ packages? in ",
        r"^  × |^  cause: ",
        r"^DEBUG (?:uv \d|Solving|Selecting|Adding|Searching|Recording)",
        r"^error: (?:No solution found|Failed to |No `)",
        r"^Using (?:CPython|Python) ",
        r"^ [+~-] \S+==\S+",
    )

    def __init__(self) -> None:
        super().__init__()
        self._results: Ends[Part] = Ends()
        self._changes: dict[str, Ends[Part]] = {}
        self._errors: Ends[Part] = Ends()
        self._warnings: Ends[Part] = Ends()
        self._conflicts: Ends[Part] = Ends()

    def feed(self, line: Line) -> bool:
        text = line.text
        if _RESULT.match(text):
            self._results.append(literal(line))
        elif found := _CHANGE.match(text):
            self._changes.setdefault(found["sign"], Ends()).append(literal(line))
        elif _ERROR.match(text):
            self._errors.append(literal(line))
            self.open = True
        elif text.startswith("DEBUG "):
            if "conflict" in text and len(self._conflicts) < MOST_KEPT:
                self._conflicts.append(literal(line))
        elif _WARNING.match(text):
            self._warnings.append(literal(line))
        elif self.open and text.startswith(("   ", "  │")) and text.strip():
            self._errors.append(literal(line))
        else:
            return text.startswith(
                ("Using ", "Creating virtual", "Activate with", "   Building", "Downloading ", " Downloaded")
            )
        return True

    def facts(self) -> list[Fact]:
        if not self._results and not self._errors:
            return []
        found = [
            Fact(Section.RESULT, (Part(p.text, p.line, 96 - min(i, 30)),))
            for i, p in enumerate(self._results)
        ]
        found += [
            Fact(Section.ERROR, (Part(p.text, p.line, 94 - min(i, 60)),))
            for i, p in enumerate(self._errors[:300])
        ]
        for sign, parts in self._changes.items():
            label = {"+": "installed", "-": "removed"}.get(sign, "changed")
            shown = tuple(Part(p.text, p.line, 56 - min(i // 4, 40)) for i, p in enumerate(parts[:300]))
            found.append(Fact(Section.NOTE, (computed(f"{parts.total:,} {label}", 58), *shown)))
        found += [
            Fact(Section.NOTE, (Part(p.text, p.line, 50 - min(i, 30)),))
            for i, p in enumerate(self._conflicts[:60])
        ]
        return found + [
            Fact(Section.WARNING, (Part(p.text, p.line, 66 - min(i, 30)),))
            for i, p in enumerate(self._warnings)
        ]
