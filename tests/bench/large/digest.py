"""Benchmark of the digest of a large log: ``uv run python -m tests.bench.large.digest [MEGABYTES] [SAMPLE]``
MEGABYTES is 100 and SAMPLE ``server-json`` if not given.

Repeats a real log of ``tests/digests/samples`` and does what ``token-saver run`` does with an output of that
size: it keeps the text without secrets, then makes the digest of the kept text. The limits: 100 MB in under
60 s of CPU time, and 200 MB of memory.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

from server.digests.engine import make_digest
from server.digests.kept import KeptTexts
from tests.digests import sheets

CHUNK = 1 << 16
MOST_SECONDS = 0.6
"""Of CPU time for a megabyte."""
MOST_MEMORY = 200_000_000


def main(megabytes: int, name: str) -> None:
    """Measure, print, and fail if a limit is missed."""
    sample = sheets.load(name)
    times = max(1, megabytes * 1_000_000 // len(sample.data))
    with tempfile.TemporaryDirectory() as folder:
        start, busy = time.perf_counter(), time.process_time()
        with KeptTexts(Path(folder, "kept"), most_bytes=2_000_000_000).writing(Path(folder)) as text:
            for _ in range(times):
                for first in range(0, len(sample.data), CHUNK):
                    text.write(sample.data[first : first + CHUNK])
            kept = time.process_time() - busy
            digest = make_digest(text.whole(), sheets.LIMIT)
        took, busy = time.perf_counter() - start, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    size = times * len(sample.data) / 1e6
    print(
        f"{name}, {size:.0f} MB, {digest.lines:,} lines: {took:.0f} s, {busy:.0f} s of CPU time "
        f"({kept:.0f} s of it to keep the text), at most {memory / 1e6:.0f} MB of memory"
    )
    lost = sheets.missing(digest.text, sample.sheet)
    print(f"{len(sample.sheet['facts']) - len(lost)} of {len(sample.sheet['facts'])} facts")
    sys.exit(busy > MOST_SECONDS * size or memory > MOST_MEMORY)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else 100, arguments[1] if len(arguments) > 1 else "server-json")
