"""The embedded engine's process: llama.cpp's HTTP server, alive for as long as its parent is.

The first line of standard input is the order, as JSON; the key is in it and so never on a command line.
The address and the process id go to standard output as a line of JSON. When the parent closes standard
input or is gone, however it went, this process ends.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from server.backends.embedded.devices import has_gpu
from server.common.parent_death import end_with_parent

BATCH_TOKENS, BATCH_THREADS, BATCH_WEIGHTS = 64, 2, 1_117_320_768
"""See ``cpu_batch``."""


def main() -> None:
    """Serve until the parent ends it."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    end_with_parent()
    reply = _claim_stdout()
    server = _serve(json.loads(line))
    print(json.dumps({"url": server.listening_address, "pid": os.getpid()}), file=reply, flush=True)
    threading.Event().wait()


def _claim_stdout() -> TextIO:
    """Return standard output, and send what libraries print there to the log instead: after the one line
    nobody reads it, and a full pipe would stop them."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415 - after the watch over the parent has begun

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["model"]}
    # llama.cpp shares n_ctx out among the slots.
    params.n_ctx = order["num_ctx"] * order["slots"]
    params.n_parallel = order["slots"]
    params.n_gpu_layers = order["gpu_layers"]
    params.cpuparams.n_threads = order["threads"]
    params.cpuparams_batch.n_threads = order["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["api_key"]]
    if order["gpu_layers"] == 0 or not has_gpu():
        # A request is let go of between batches only, so a batch bounds how long a cancelled one goes on.
        params.n_batch = params.n_ubatch = cpu_batch(Path(order["path"]).stat().st_size, order["threads"])
    # Prompts of finished requests are kept in RAM for reuse; the library's 8 GiB are not ours to take.
    params.cache_ram_mib = order["cache_mib"]
    params.ui = False
    params.offline = True
    return xllamacpp.Server(params)


def cpu_batch(weights: int, threads: int) -> int:
    """Return how many tokens of a prompt a CPU shall read at once, 32 to 512, in about a second.

    Two threads read 60 to 90 tokens a second with 1.1 GB of weights (Qwen2.5-Coder 1.5B, Q4_K_M), and the
    rate goes down with the weights and up with the threads. Larger batches read hardly faster there.
    """
    tokens = BATCH_TOKENS * threads / BATCH_THREADS * BATCH_WEIGHTS / max(1, weights)
    return max(32, min(512, int(tokens) // 32 * 32))


if __name__ == "__main__":
    main()
