"""The embedded engine's process: llama.cpp's HTTP server, alive for as long as its parent is.

The first line of standard input is the order, as JSON; the key is in it and so never on a command line.
The address goes to standard output as a line of JSON. When standard input ends, because the parent closed
it or is gone, however it went, this process ends.
"""

import json
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until standard input ends."""
    order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _serve(order)
    print(json.dumps({"url": server.listening_address}), flush=True)  # noqa: T201 - read by the parent
    threading.Event().wait()


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
    # Prompts of finished requests are kept in RAM for reuse; the library's 8 GiB are not ours to take.
    params.cache_ram_mib = order["cache_mib"]
    params.ui = False
    params.offline = True
    return xllamacpp.Server(params)


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
