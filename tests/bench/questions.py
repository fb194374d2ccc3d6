"""Answers of `compress_context` to twenty questions, with the embedded engine and a real model.

    uv run python -m tests.bench.questions [--model qwen2.5-coder-1.5b] [--json FILE] [--only WORD]

The questions of ``questions.toml`` have known answers. Counted are answers in the sentences of the model, and
in the whole reply (its facts included). Every sentence is printed with the line that it cites, for a reader
to judge; a sentence with a name or a number that its line lacks, and a statement of ``never``, are false.
With ``--json`` results are saved one by one, and questions in the file are not asked again; with ``--again``
the saved answers of the model are checked and judged again.
"""

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.config.folders import find_folders
from server.config.sections import BackendSettings, EmbeddedSettings, OffloadSettings
from server.config.settings import load_settings
from server.digests.clean import clean_lines
from server.digests.compress.answer import facts_as_text, facts_to_show
from server.digests.compress.cache import DigestCache
from server.digests.compress.reply import ANSWER_HEAD
from server.digests.engine import find_facts
from server.hub import Hub
from server.offload.values import Caller, Compression
from tests.bench.support.home import own_home
from tests.digests import sheets

QUESTIONS = Path(__file__).with_name("questions.toml")
ROOT = Path(__file__).parents[2]
LEAST_ANSWERED = 0.5
_SAID = re.compile(r"- L(?P<first>\d+)(?:-(?P<last>\d+))?: (?P<sentence>.+)")
_CHECKABLE = re.compile(r"\d+(?:[.,:]\d+)*|[\w.]*[_/][\w./]*\w")


@dataclass(frozen=True)
class Result:
    """What came of one question. ``said`` are the model's sentences, ``raw`` is its answer as it was."""

    ask: str
    answered: bool
    in_reply: bool
    false: list[str]
    said: list[str]
    lines: list[str]
    raw: str
    reply: str
    seconds: float


def main() -> None:
    """Ask all questions, print the results, and fail if a sentence is false or too few are answered."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--again", action="store_true", help="judge the saved answers again")
    options = parser.parse_args()
    questions = tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))["question"]
    questions = [each for each in questions if options.only in str(each)]
    with own_home(options.model), tempfile.TemporaryDirectory(prefix="questions-") as name:
        asked = _ask_all(questions, options, Path(name, "project"))
        results = asyncio.run(asked)
    answered = sum(each.answered for each in results)
    false = [statement for each in results for statement in each.false]
    print(
        f"{options.model}: {answered} of {len(results)} answered by the model's sentences, "
        f"{sum(each.in_reply for each in results)} by the reply; "
        f"{sum(len(each.said) for each in results)} sentences, {len(false)} false; "
        f"{sum(each.seconds for each in results) / len(results):.0f} s a question"
    )
    sys.exit(1 if false or answered < LEAST_ANSWERED * len(results) else 0)


async def _ask_all(
    questions: list[dict[str, Any]], options: argparse.Namespace, project: Path
) -> list[Result]:
    kept, model = options.json, options.model
    done = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else {}
    known = {ask: (each["raw"], each["seconds"]) for ask, each in done.items()}
    done = {} if options.again else done
    folders = find_folders()
    settings = load_settings(folders).model_copy(
        update={
            "backend": BackendSettings(kind="embedded"),
            "embedded": EmbeddedSettings(model=model),
            "offload": OffloadSettings(allow_losing=True),
        }
    )
    hub = await Hub.start(settings, folders)
    results = []
    try:
        for question in questions:
            if question["ask"] not in done:
                earlier = known.get(question["ask"])
                done[question["ask"]] = asdict(await _ask(hub, question, project, model, earlier))
                if kept:
                    kept.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
            results.append(Result(**done[question["ask"]]))
            _print(results[-1])
    finally:
        await hub.close()
    return results


async def _ask(
    hub: Hub, question: dict[str, Any], project: Path, model: str, earlier: tuple[str, float] | None
) -> Result:
    """Ask one question; an ``earlier`` answer with its seconds takes the way of a cached one."""
    project.mkdir(exist_ok=True)
    sample, file = question.get("sample"), question.get("file", "output.log")
    data = sheets.load(sample).data if sample else (ROOT / file).read_bytes()
    path = project / Path(file).name
    path.write_bytes(data)
    caller = Caller("bench", "bench", project, (project,))
    if earlier is not None:
        facts = facts_as_text(facts_to_show([find_facts(data, focus=question["ask"], name=path.name)]))
        key = DigestCache.key(facts, question["ask"], model)
        DigestCache(hub.folders.cache / "digests").put(key, json.dumps([earlier[0], False]))
    began = time.monotonic()
    outcome = await hub.compressor.compress(Compression((path.name,), focus=question["ask"]), caller, _silent)
    seconds = time.monotonic() - began
    _, _, after = outcome.text.partition(f"{ANSWER_HEAD}\n")
    found = [match for line in after.splitlines() if (match := _SAID.fullmatch(line))]
    lines = {line.number: line.text for line in clean_lines(data.decode("utf-8", "replace").split("\n"))}
    cited = [_cited(match, lines) for match in found]
    said = [match["sentence"] for match in found]
    return Result(
        ask=question["ask"],
        answered=_holds(" ".join(said), question["any"]),
        in_reply=_holds(outcome.text, question["any"]),
        false=[
            sentence
            for sentence, line in zip(said, cited, strict=True)
            if any(each not in line for each in _CHECKABLE.findall(sentence))
            or _holds(sentence, question.get("never", []))
        ],
        said=said,
        lines=cited,
        raw=outcome.attempts[0].generation.text if outcome.attempts else earlier[0] if earlier else "",
        reply=outcome.text,
        seconds=round(seconds, 1) if outcome.attempts or earlier is None else earlier[1],
    )


def _cited(found: re.Match[str], lines: dict[int, str]) -> str:
    first = int(found["first"])
    return " | ".join(lines[number].strip() for number in range(first, int(found["last"] or first) + 1))


def _holds(text: str, any_of: list[str]) -> bool:
    flat = " ".join(text.split()).casefold()
    return any(each.casefold() in flat for each in any_of)


def _print(result: Result) -> None:
    how = "answered" if result.answered else "in the facts" if result.in_reply else "NOT ANSWERED"
    print(f"{result.ask}  [{how}, {result.seconds:.0f} s]")
    for sentence, line in zip(result.said, result.lines, strict=True):
        print(f"    {'FALSE: ' if sentence in result.false else ''}{sentence}\n        of: {line[:200]}")
    sys.stdout.flush()


async def _silent(_done: float, _total: float | None, _line: str) -> None:
    """Ignore progress."""


if __name__ == "__main__":
    main()
