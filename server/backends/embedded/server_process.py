"""The embedded engine's process: llama.cpp's HTTP server, which ends with its parent.

The first line of standard input is the order as JSON; the API key is part of it and therefore never on a
command line. The address and the process id are written to standard output as a line of JSON.
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
    """Serve until the parent ends this process."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    end_with_parent()
    reply = _claim_stdout()
    server = _serve(json.loads(line))
    print(json.dumps({"url": server.listening_address, "pid": os.getpid()}), file=reply, flush=True)
    threading.Event().wait()


def _claim_stdout() -> TextIO:
    """Return standard output, and redirect output of libraries to the log: the pipe is read for one line only
    and would fill up."""
    reply = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return reply


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp  # noqa: PLC0415 - after the watch on the parent has started

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["model"]}
    # llama.cpp divides n_ctx among the slots.
    params.n_ctx = order["num_ctx"] * order["slots"]
    params.n_parallel = order["slots"]
    params.n_gpu_layers = order["gpu_layers"]
    params.cpuparams.n_threads = order["threads"]
    params.cpuparams_batch.n_threads = order["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["api_key"]]
    if order["gpu_layers"] == 0 or not has_gpu():
        # A request can be cancelled only between batches, so the batch size limits the delay.
        params.n_batch = params.n_ubatch = cpu_batch(Path(order["path"]).stat().st_size, order["threads"])
    # Finished prompts are kept in RAM for reuse; the library's default of 8 GiB is too much for a guest.
    params.cache_ram_mib = order["cache_mib"]
    params.ui = False
    params.offline = True
    return xllamacpp.Server(params)


def cpu_batch(weights: int, threads: int) -> int:
    """Return the number of prompt tokens, 32 to 512, that a CPU processes in about a second.

    Two threads read 60 to 90 tokens per second with 1.1 GB of weights (Qwen2.5-Coder 1.5B, Q4_K_M). The rate
    falls with the size of the weights and rises with the threads; larger batches are hardly faster.
    """
    tokens = BATCH_TOKENS * threads / BATCH_THREADS * BATCH_WEIGHTS / max(1, weights)
    return max(32, min(512, int(tokens) // 32 * 32))


if __name__ == "__main__":
    main()
