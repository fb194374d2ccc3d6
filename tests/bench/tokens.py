"""Benchmark of the token estimate: ``uv run python -m tests.bench.tokens``. The limit is 5 MB/s on one
core."""

import time
from pathlib import Path

from server.ledger.tokens import estimate_tokens


def main() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in sorted(Path("server").rglob("*.py")))
    for name, text in {
        "Python": sources * 4,
        "log": "2026-11-20 10:00:00 INFO request 17 done in 3 ms\n" * 60_000,
        "Chinese": "漢字かな交じり文です。" * 60_000,
    }.items():
        size = len(text.encode())
        start = time.process_time()
        estimate_tokens(text, "B")
        print(f"{name:<8} {size / (time.process_time() - start) / 1e6:6.1f} MB/s")


if __name__ == "__main__":
    main()
