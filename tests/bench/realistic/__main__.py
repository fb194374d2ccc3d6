"""Benchmark of correctness on 61 chores of realistic size, on the embedded engine.

    uv run python -m tests.bench.realistic --json FILE [--ways all,plain,off] [--half open|held|both]
        [--only NAME,KIND] [--minutes N] [--model NAME | --url URL] [--answers FILE]

Each chore runs once through the whole pipeline in each way, and a hidden check decides whether a delivered
result is right. The ways:

- *all*: as Claude calls, with examples where new code is asked for;
- *plain*: the same without examples;
- *off*: nothing is run (`[offload] run_code = false`).

Half of the chores are held out: they run once, at the end. Every result is saved at once, and results in the
file are not made again. ``--answers`` keeps every prompt and answer, one chore per line.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings, load_settings
from server.hub import Hub, open_hub
from server.offload.values import Caller, Outcome, Task
from tests.bench.realistic.chores import KINDS, Chore, is_right, lay_out, read_chores
from tests.bench.support.home import own_home

RIGHT, WRONG, NOTHING = "right", "wrong", "handed back"
WAYS = ("all", "plain", "off")


@dataclass(frozen=True)
class Result:
    """One chore in one way. ``tokens`` are those that the model wrote."""

    name: str
    kind: str
    way: str
    model: str
    outcome: str
    strength: str
    code: str
    attempts: int
    tokens: int
    seconds: float
    text: str


def main() -> None:
    """Run the chores and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument(
        "--url", default="", help="an OpenAI-compatible server instead of the embedded engine"
    )
    parser.add_argument("--ways", default="all", help="parted by commas")
    parser.add_argument("--half", default="open", choices=("open", "held", "both"))
    parser.add_argument("--only", default="", help="names or kinds of chores, parted by commas")
    parser.add_argument("--minutes", type=float, default=0, help="start no further chore after this time")
    parser.add_argument("--json", type=Path, required=True, help="where results are kept")
    parser.add_argument("--answers", type=Path, help="where prompts and answers are kept")
    options = parser.parse_args()
    kept = _Kept(options.json)
    chores = [each for each in read_chores() if options.half in ("both", "held" if each.held else "open")]
    if options.only:
        wanted = set(options.only.split(","))
        chores = [each for each in chores if {each.name, each.kind} & wanted]
    deadline = time.monotonic() + options.minutes * 60 if options.minutes else float("inf")
    for way in options.ways.split(","):
        left = [each for each in _mixed(chores) if (each.name, way, options.model) not in kept.results]
        if left and time.monotonic() < deadline:
            asyncio.run(_run_all(left, way, options, kept, deadline))
    results = [each for each in kept.results.values() if each.model == options.model]
    _print([each for each in results if each.name in {chore.name for chore in chores}], options.model)


class _Kept:
    """The results so far, saved after each one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self.results = {(row["name"], row["way"], row["model"]): Result(**row) for row in rows}

    def add(self, result: Result) -> None:
        self.results[result.name, result.way, result.model] = result
        rows = [asdict(each) for each in self.results.values()]
        self._path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _mixed(chores: Sequence[Chore]) -> Iterator[Chore]:
    """Yield the chores one of each kind at a time: a run that is stopped early has seen all kinds."""
    kinds = [[each for each in chores if each.kind == kind] for kind in KINDS]
    for row in range(max(map(len, kinds), default=0)):
        yield from (kind[row] for kind in kinds if row < len(kind))


async def _run_all(
    chores: Sequence[Chore], way: str, options: argparse.Namespace, kept: _Kept, deadline: float
) -> None:
    with own_home(*(() if options.url else (options.model,))) as folders:
        settings = load_settings(folders)
        backend = (
            BackendSettings(kind="openai", url=options.url)
            if options.url
            else BackendSettings(kind="embedded")
        )
        changed: dict[str, object] = {
            "backend": backend,
            "offload": settings.offload.model_copy(update={"run_code": way != "off"}),
        }
        if not options.url:
            changed["embedded"] = EmbeddedSettings(model=options.model)
        used: Settings = settings.model_copy(update=changed)
        async with open_hub(used, folders) as hub:
            for number, chore in enumerate(chores, start=1):
                if time.monotonic() > deadline:
                    break
                result = await _run(hub, chore, way, options)
                kept.add(result)
                facts = f"{result.outcome}, {result.strength or result.code}, {result.attempts} answers"
                line = f"{way} {number}/{len(chores)} {result.name}: {facts}, {result.seconds:.0f} s"
                print(line, file=sys.stderr, flush=True)


async def _run(hub: Hub, chore: Chore, way: str, options: argparse.Namespace) -> Result:
    with tempfile.TemporaryDirectory(prefix="chore-") as name:
        folder = Path(name).resolve()
        lay_out(chore, folder)
        task = Task.from_arguments(chore.arguments(examples=way == "all"))
        caller = Caller("bench", "bench", folder, (folder,))
        started = time.monotonic()
        outcome = await hub.offloader.run(task, caller, _silent)
        seconds = time.monotonic() - started
        delivered = outcome.name in ("delivered", "returned")
        returned = outcome.text if outcome.delivery is None else None
        verdict = NOTHING
        if delivered:
            verdict = RIGHT if await asyncio.to_thread(is_right, chore, folder, returned) else WRONG
        if options.answers is not None:
            _keep_answers(options.answers, chore, way, outcome)
        answers = [each for each in outcome.attempts if each.prompt.kind != "inputs"]
        tokens = sum(each.generation.completion_tokens for each in outcome.attempts)
        return Result(
            name=chore.name,
            kind=chore.kind,
            way=way,
            model=options.model,
            outcome=verdict,
            strength=outcome.strength if delivered else "",
            code=outcome.code,
            attempts=len(answers),
            tokens=tokens,
            seconds=round(seconds, 1),
            text=outcome.text[:600],
        )


def _keep_answers(path: Path, chore: Chore, way: str, outcome: Outcome) -> None:
    attempts = [
        {
            "kind": each.prompt.kind,
            "prompt": [message.content for message in each.prompt.messages],
            "answer": each.generation.text,
            "checks": [asdict(check) for check in each.verdict.checks],
            "notices": [notice.text for notice in each.verdict.notices],
        }
        for each in outcome.attempts
    ]
    line = {"name": chore.name, "way": way, "outcome": outcome.name, "attempts": attempts}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _print(results: Sequence[Result], model: str) -> None:
    print(f"\nModel {model}: delivered right / delivered wrong / handed back\n")
    ways = [way for way in WAYS if any(each.way == way for each in results)]
    print("| kind |", " | ".join(ways), "|\n| --- |", " | ".join("---" for _ in ways), "|")
    for kind in (*KINDS, "together"):
        cells = [_cell([r for r in results if r.way == way and kind in (r.kind, "together")]) for way in ways]
        print(f"| {kind} |", " | ".join(cells), "|")
    print("\n| strength |", " | ".join(f"{way}: right / wrong" for way in ways), "|")
    print("| --- |", " | ".join("---" for _ in ways), "|")
    for word in dict.fromkeys(each.strength for each in results if each.strength):
        counts = [Counter(r.outcome for r in results if r.way == way and r.strength == word) for way in ways]
        print(f"| {word} |", " | ".join(f"{each[RIGHT]} / {each[WRONG]}" for each in counts), "|")
    print("\n| | ", " | ".join(ways), "|\n| --- |", " | ".join("---:" for _ in ways), "|")
    for label, of in (("answers", "attempts"), ("tokens written", "tokens"), ("seconds", "seconds")):
        medians = [statistics.median(getattr(r, of) for r in results if r.way == way) for way in ways]
        print(f"| {label}, median |", " | ".join(f"{each:g}" for each in medians), "|")


def _cell(results: Sequence[Result]) -> str:
    counts = Counter(each.outcome for each in results)
    return f"{counts[RIGHT]} / {counts[WRONG]} / {counts[NOTHING]}"


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Print nothing; the table is the report."""


if __name__ == "__main__":
    main()
