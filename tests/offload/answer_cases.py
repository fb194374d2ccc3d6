"""The answer cases from ``cases/*.yaml``, one file a kind: model answers and their required outcomes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class AnswerCase:
    """One task, the model's answer in each round, and the required outcome.

    ``expect`` is ``delivered`` (a notice may be added) or ``noticed`` (delivered with a notice, or handed
    back). ``expected`` is the output's content after a delivery, None if any content will do.
    """

    name: str
    kind: str
    task: str
    files: tuple[str, ...]
    output: str
    expect: str
    given: dict[str, bytes] = field(hash=False)
    answers: tuple[str, ...]
    expected: bytes | None

    def lay_out(self, folder: Path) -> None:
        """Write the case's files into a folder."""
        for name, data in self.given.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def load_cases(folder: Path = CASES) -> list[AnswerCase]:
    """Return all cases of all kinds."""
    found: list[AnswerCase] = []
    for path in sorted(folder.glob("*.yaml")):
        kind = yaml.safe_load(path.read_bytes())
        found += [_case(kind["kind"], each) for each in kind["cases"]]
    return found


def _case(kind: str, raw: dict[str, Any]) -> AnswerCase:
    return AnswerCase(
        name=raw["name"],
        kind=kind,
        task=raw["task"],
        files=tuple(raw.get("files", ())),
        output=raw["output"],
        expect=raw["expect"],
        given={name: _bytes(text) for name, text in raw["given"].items()},
        answers=tuple(raw["answers"]),
        expected=_bytes(raw["expected"]) if "expected" in raw else None,
    )


def _bytes(text: str | dict[str, str]) -> bytes:
    return text.encode() if isinstance(text, str) else text["text"].encode(text["encoding"])
