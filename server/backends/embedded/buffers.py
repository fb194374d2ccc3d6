"""A loaded model's memory use by device, read from llama.cpp's log."""

import re
from collections.abc import Collection
from pathlib import Path

_BUFFER = re.compile(r"\s(\S+) (?:model|KV|RS|SWA KV|compute|output) buffer size\s*=\s*([\d.]+) MiB")
_LONGEST_LOG = 1 << 20


def device_memory(log: Path, devices: Collection[str]) -> int:
    """Return the bytes that the last loaded model uses on these devices; 0 if the log does not say.

    A later report for a compute buffer replaces an earlier one.
    """
    try:
        text = log.read_bytes()[:_LONGEST_LOG].decode("utf-8", "replace")
    except OSError:
        return 0
    sizes: dict[tuple[str, str], float] = {}
    for found in _BUFFER.finditer(text):
        device, kind = found[1], found[0].split("buffer")[0].split()[-1]
        if device in devices:
            before = 0.0 if kind == "compute" else sizes.get((device, kind), 0.0)
            sizes[device, kind] = before + float(found[2])
    return round(sum(sizes.values()) * 2**20)
