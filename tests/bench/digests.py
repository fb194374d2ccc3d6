"""Facts that digests keep of real outputs, beside other ways: ``uv run python -m tests.bench.digests``.

Every sample of ``tests/digests/samples`` goes through each way; each result is cut to the same 2,000
characters (``tail`` to its last). Counted are the facts of the sample's sheet; ``!`` marks a false statement.
With ``--peers``, `headroom-ai` and `claude-token-saver` of PyPI are installed into environments of their own
under a temporary folder and run there with nothing but ``PATH`` and a home. Fails where the digest keeps less
than 90 % of the facts, states something false, takes more than a second of CPU time, or is behind another way
without holding all facts.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from server.digests.engine import make_digest
from tests.bench.support.fold_0_1_0 import SEVERE, fold, lines_of_text
from tests.digests import sheets
from tests.digests.sheets import LIMIT, Sample

INSTALL_SECONDS = 400
_GREP = re.compile(r"error|fail|warn|panic", re.IGNORECASE)
_ROOM = 40_000
"""Characters that the fold of lines may have before the cut."""
PEERS = {
    "headroom-ai": (
        "from headroom.transforms.log_compressor import LogCompressor\n"
        "def way(text, command, status): return LogCompressor().compress(text).compressed"
    ),
    "claude-token-saver": (
        "from token_saver.output.pipeline import OutputPipeline\n"
        "from token_saver.output.processors import *\n"
        "from token_saver.output import processors as p\n"
        "kinds = [v() for k, v in vars(p).items() if k.endswith('Processor') and isinstance(v, type)"
        " and k != 'OutputProcessor']\n"
        "def way(text, command, status):\n"
        "    for kind in sorted(kinds, key=lambda kind: kind.priority):\n"
        "        if kind.matches(command):\n"
        "            return kind.compress(command, text, failed=status != 0, max_lines=60, keep_tail=30)\n"
        "    return text"
    ),
}
"""What each peer does with a text: the body of a script that defines ``way``."""
_LOOP = (
    "\nimport json, sys\nprint(json.dumps({name: way(*each) for name, each in json.load(sys.stdin).items()}))"
)


def main() -> None:
    """Measure, print the table, and fail where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--peers", action="store_true", help="install other tools and measure them too")
    options = parser.parse_args()
    samples = [sheets.load(name) for name in sheets.names()]
    columns = {way: {sample.name: make(sample) for sample in samples} for way, make in WAYS.items()}
    if options.peers:
        columns |= _peers(samples)
    misses = _table(samples, columns)
    for miss in misses:
        print(f"missed: {miss}")
    sys.exit(1 if misses else 0)


def _table(samples: list[Sample], columns: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Print one row a sample; return what missed its bar."""
    misses: list[str] = []
    sums = dict.fromkeys(["digest", *columns], 0)
    print("| " + " | ".join(["output", "facts", "characters", "digest", "ms", *columns]) + " |")
    print("|" + " --- |" * (5 + len(columns)))
    make_digest("warm", LIMIT)
    for sample in samples:
        total = len(sample.sheet["facts"])
        began = time.process_time()
        text = make_digest(
            sample.data, LIMIT, command=sample.sheet["command"], exit_status=sample.sheet["exit_status"]
        ).text
        seconds = time.process_time() - began
        kept = {way: _kept(text, sample) for way, text in {"digest": text, **_of(columns, sample)}.items()}
        for way, (count, _) in kept.items():
            sums[way] += count
        cells = [f"{count}{'!' if false else ''}" for count, false in kept.values()]
        size = f"{len(sample.data.decode('utf-8', 'replace')):,}"
        row = [sample.name, str(total), size, cells[0], f"{seconds * 1000:.0f}", *cells[1:]]
        print("| " + " | ".join(row) + " |")
        misses += _misses(sample.name, total, seconds, kept)
    facts = sum(len(sample.sheet["facts"]) for sample in samples)
    shares = [f"{count / facts:.0%}" for count in sums.values()]
    print("| " + " | ".join(["all", str(facts), "", shares[0], "", *shares[1:]]) + " |")
    return misses


def _misses(name: str, total: int, seconds: float, kept: Mapping[str, tuple[int, bool]]) -> list[str]:
    count, false = kept["digest"]
    best = max((other for way, (other, _) in kept.items() if way != "digest"), default=0)
    return [
        f"{name}: {what}"
        for what, missed in (
            ("less than 90 % of the facts", count < 0.9 * total),
            ("a false statement", false),
            ("more than a second", seconds > 1),
            ("behind another way", count <= best and count < total),
        )
        if missed
    ]


def _kept(text: str, sample: Sample) -> tuple[int, bool]:
    lost = sheets.missing(text, sample.sheet)
    return len(sample.sheet["facts"]) - len(lost), bool(sheets.false(text, sample.sheet))


def _of(columns: Mapping[str, Mapping[str, str]], sample: Sample) -> dict[str, str]:
    return {way: texts[sample.name] for way, texts in columns.items()}


def _tail(sample: Sample) -> str:
    return "\n".join(_text(sample).splitlines()[-60:])[-LIMIT:]


def _grep(sample: Sample) -> str:
    return "\n".join(line for line in _text(sample).splitlines() if _GREP.search(line))[:LIMIT]


def _fold(sample: Sample) -> str:
    text = _text(sample)
    folded = fold(lambda: lines_of_text(text), lambda line: SEVERE.search(line) is not None, _ROOM)
    return "\n".join(line.shown() for line in folded)[:LIMIT]


def _text(sample: Sample) -> str:
    return sample.data.decode("utf-8", "replace")


WAYS: dict[str, Callable[[Sample], str]] = {"tail -60": _tail, "grep": _grep, "fold of lines": _fold}


def _peers(samples: list[Sample]) -> dict[str, dict[str, str]]:
    """Return what the other tools make of the samples; a tool that does not install is named and left out."""
    asked = json.dumps(
        {each.name: [_text(each), each.sheet["command"], each.sheet["exit_status"]] for each in samples}
    )
    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package, script in PEERS.items():
            try:
                python = _installed(package, Path(folder, package))
                done = subprocess.run(
                    [python, "-c", script + _LOOP],
                    input=asked,
                    env={"PATH": os.defpath, "HOME": folder},
                    cwd=folder,
                    capture_output=True,
                    encoding="utf-8",
                    check=True,
                    timeout=INSTALL_SECONDS,
                )
                texts = json.loads(done.stdout.splitlines()[-1])
                found[package] = {name: text[:LIMIT] for name, text in texts.items()}
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                print(f"{package} was not measured: {error}", file=sys.stderr)
    return found


def _installed(package: str, folder: Path) -> str:
    # Outside of the project: its own bounds are not those of the other tools.
    place, python = folder.parent, str(folder / "bin" / "python")
    for command in (["venv", str(folder)], ["pip", "install", "--python", python, package]):
        subprocess.run(["uv", *command, "-q"], cwd=place, check=True, timeout=INSTALL_SECONDS)
    return python


if __name__ == "__main__":
    main()
