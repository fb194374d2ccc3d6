"""Benchmark of Claude's cost: twenty chores with the real Claude Code CLI, in five ways of working.

``uv run python -m tests.bench.pays [--json FILE] [--only PART]`` prints a table and writes
``tests/bench/results/pays.json``. Claude is a script (``ways``); its API and the local model are stand-ins.
The CLI, its tools, the bridge, the hub, the checks and the files are real, and every file is compared with
the chore's expected result. Tokens are counted on the wire with the ledger's estimate.

The sub-agent on Haiku is Claude Code's own. Its requests are counted at Haiku's prices, once at those of
Haiku 4.5 and once at those of Haiku 5.5. Like the local model, it is assumed to get everything right, and
its own prompt and tools are assumed to be in the cache.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.ledger.prices import Price, load_prices
from tests.bench.pays.chores import Chore, chores
from tests.bench.pays.local_model import inline_answers, local_answer
from tests.bench.pays.ways import alone, delegated, distrusted, handed_over, inline, subagent
from tests.bench.pays.wire import Cost, Spent, count
from tests.bridge_client import BRIDGE
from tests.hub_process import HubProcess, start_hub
from tests.standins.claude_code import run_claude_code
from tests.standins.messages import MessagesStandIn, Text, Turn
from tests.standins.ollama import OllamaStandIn

MODEL = "opus-5.5"
RESULT = Path(__file__).parents[1] / "results" / "pays.json"
HAIKU = "haiku"
SIDES = ("haiku-4.5", "haiku-5.5")
"""The models whose prices the sub-agent's tokens have."""
Way = Callable[[Chore, Path], Sequence[Turn]]
WAYS: dict[str, Way] = {
    "Claude alone": alone,
    "tool with inline contents": inline,
    "Token Saver": handed_over,
    "Token Saver, read again": distrusted,
    "sub-agent": delegated,
}
Costs = dict[str, dict[str, Spent]]


class TwoModels(MessagesStandIn):
    """Answers Haiku's requests from a script of their own."""

    def __init__(self, script: Sequence[Turn], side: Sequence[Turn]) -> None:
        super().__init__(script)
        self.side = side

    def turn_for(self, request: dict[str, Any]) -> Turn:
        if HAIKU not in request["model"] or not request.get("tools"):
            return super().turn_for(request)
        said = sum(message["role"] == "assistant" for message in request["messages"])
        return self.side[said] if said < len(self.side) else [Text("Done.")]


def main() -> int:
    """Run all chores in all ways; return 1 if a file is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=RESULT)
    parser.add_argument("--only", default="", help="chores whose name holds this")
    wanted = parser.parse_args()
    some = [chore for chore in chores() if wanted.only in chore.name]
    prices = load_prices()
    price = prices.find(MODEL)
    costs: Costs = {}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pays-") as name, OllamaStandIn() as ollama:
        folder = Path(name)
        with start_hub(folder / "hub", TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
            for number, chore in enumerate(some):
                ollama.answers.choose(lambda prompt, body, chore=chore: local_answer(chore, prompt, body))  # type: ignore[misc]
                costs[chore.name] = {}
                for way, turns in WAYS.items():
                    place = folder / f"{number}-{list(WAYS).index(way)}"
                    main_cost, side_cost, said = run(chore, turns, place, hub)
                    if turns is delegated:
                        for side in SIDES:
                            spent = Spent(main_cost, side_cost, prices.find(side))
                            costs[chore.name][f"{way} on {side}"] = spent
                    else:
                        costs[chore.name][way] = Spent(main_cost)
                    if missed := compare(chore, place / "project"):
                        wrong.append(f"{chore.name}, {way}: {', '.join(missed)}; {said}")
                print(chore.name, file=sys.stderr, flush=True)
    print(table(costs, price))
    for each in wrong:
        print("NOT AS IT SHOULD BE:", each)
    write(wanted.json, costs, price, wrong)
    return 1 if wrong else 0


def run(chore: Chore, turns: Way, place: Path, hub: HubProcess) -> tuple[Cost, Cost, str]:
    """Let the CLI do the chore in a separate project; return the cost, a sub-agent's, and the tools'
    answers."""
    project = place / "project"
    project.mkdir(parents=True)
    for path, text in chore.before.items():
        (project / path).write_text(text, encoding="utf-8")
    script = turns(chore, project)
    side = subagent(chore, project) if turns is delegated else []
    with TwoModels(script, side) as api:
        run_claude_code(
            chore.task,
            api.url,
            home=place / "claude",
            project=project,
            servers=servers(chore, turns, place, hub),
            extra=("--permission-mode", "acceptEdits"),
        )
        own = [each for each in api.requests if HAIKU not in each["model"]]
        others = [each for each in api.requests if HAIKU in each["model"] and each.get("tools")]
        side_cost = count(others, side[-1]) if others else Cost()
        if side and not others:
            raise RuntimeError("the sub-agent did not run on Haiku")
        return count(own, script[-1]), side_cost, json.dumps(api.tool_results())[:2000]


def servers(chore: Chore, turns: Way, place: Path, hub: HubProcess) -> dict[str, dict[str, Any]]:
    """Return the MCP servers for this way: none, the inline tool, or Token Saver."""
    if turns in (alone, delegated):
        return {}
    if turns is inline:
        answers = place / "answers.json"
        answers.write_text(json.dumps(inline_answers(chore)), encoding="utf-8")
        arguments = ["-m", "tests.bench.pays.local_model", str(answers)]
        environ = {"PYTHONPATH": str(Path(__file__).parents[3])}
        return {"inline": {"command": sys.executable, "args": arguments, "env": environ}}
    command, *arguments = BRIDGE
    environ = {"TOKEN_SAVER_HOME": hub.environ["TOKEN_SAVER_HOME"]}
    return {"token-saver": {"command": command, "args": arguments, "env": environ}}


def compare(chore: Chore, project: Path) -> list[str]:
    """Return the files that differ from the chore's expected result."""
    return [
        path
        for path, text in chore.after.items()
        if not (project / path).is_file() or (project / path).read_text(encoding="utf-8") != text
    ]


def table(costs: Costs, price: Price) -> str:
    """Return the table in Markdown: output tokens / new context tokens of Claude's own, and cents in all."""
    ways = list(next(iter(costs.values())))
    lines = ["| chore | " + " | ".join(ways) + " |", "| --- |" + " ---: |" * len(ways)]
    for name, row in costs.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row[way], price) for way in ways) + " |")
    sums = {way: sum((row[way] for row in costs.values()), Spent()) for way in ways}
    lines.append("| **all** | " + " | ".join(f"**{_cell(sums[way], price)}**" for way in ways) + " |")
    base = sums[ways[0]]
    shares = " | ".join(f"{100 * sums[way].microusd(price) / base.microusd(price):.0f} %" for way in ways)
    lines.append(f"| cost compared with Claude alone | {shares} |")
    more = " | ".join(f"{(sums[way].main.opening - base.main.opening) / len(costs):,.0f}" for way in ways)
    lines.append(f"| tokens at the start of a session | {more} |")
    return "\n".join(lines)


def write(path: Path, costs: Costs, price: Price, wrong: list[str]) -> None:
    """Write the figures as JSON."""
    rows = {
        name: {
            way: {
                **asdict(spent.main),
                "side": asdict(spent.side),
                "microusd": round(spent.microusd(price)),
            }
            for way, spent in row.items()
        }
        for name, row in costs.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"model": MODEL, "chores": rows, "wrong": wrong}, indent=2), encoding="utf-8")


def _cell(spent: Spent, price: Price) -> str:
    return f"{spent.main.output:,} / {spent.main.new:,} · {spent.microusd(price) / 10_000:.2f} ¢"


if __name__ == "__main__":
    sys.exit(main())
