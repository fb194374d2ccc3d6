"""Stand-in for a ``llama-server`` program with a GPU: the command line of the real one (build 10434), and the
real engine of the library behind it. Only its device is invented.

``put_program`` writes an executable that runs this module.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Literal

When = Literal["never", "asked", "loading"]

VERSION = "version: 10434 (e5155e69)\nbuilt with GNU 11.4.0 for Linux x86_64"
DEVICES = """Available devices:
  Vulkan0: Toy Radeon (8192 MiB, 7168 MiB free)
  BLAS: OpenBLAS (0 MiB, 0 MiB free)"""
BUFFERS_LOGGED = 4
"""The real program logs ``LOG`` at this verbosity; its default is 3."""
LOG = """load_tensors:      Vulkan0 model buffer size =    90.00 MiB
llama_kv_cache:    Vulkan0 KV buffer size =    45.00 MiB
llama_context:    Vulkan0 compute buffer size =    20.00 MiB
llama_context:    Vulkan0 compute buffer size =    25.00 MiB
llama_context: Vulkan_Host output buffer size =     1.00 MiB
"""


def put_program(path: Path, *, devices: bool = True, dies: When = "never") -> Path:
    """Write the executable. ``devices``: whether it finds a GPU; ``dies``: when it is killed by SIGILL, as a
    build for another processor is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    environ = f"STANDIN_DEVICES={int(devices)} STANDIN_DIES={dies} PYTHONPATH={Path(__file__).parents[2]}"
    path.write_text(f'#!/bin/sh\n{environ} exec {sys.executable} -m {__name__} "$@"\n')
    path.chmod(0o755)
    return path


def main() -> None:
    """Answer ``--version`` and ``--list-devices``, or serve a model."""
    if os.environ["STANDIN_DIES"] == "asked":
        os.kill(os.getpid(), signal.SIGILL)
    if "--version" in sys.argv:
        print(VERSION, file=sys.stderr)
        return
    if "--list-devices" in sys.argv:
        print(DEVICES if os.environ["STANDIN_DEVICES"] == "1" else "Available devices:\n  (none)")
        return
    if os.environ["STANDIN_DIES"] == "loading":
        os.kill(os.getpid(), signal.SIGILL)
    _serve(_arguments())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--model", "--alias", "--host"):
        parser.add_argument(name, required=True)
    for name in (
        *(
            "--ctx-size",
            "--parallel",
            "--n-gpu-layers",
            "--threads",
            "--threads-batch",
            "--port",
            "--cache-ram",
        ),
        *("--batch-size", "--ubatch-size"),
    ):
        parser.add_argument(name, type=int)
    for name in ("--jinja", "--offline", "--no-webui"):
        parser.add_argument(name, action="store_true")
    return parser.parse_args()


def _serve(given: argparse.Namespace) -> None:
    import xllamacpp

    if int(os.environ["LLAMA_ARG_LOG_VERBOSITY"]) >= BUFFERS_LOGGED:
        print(LOG, file=sys.stderr, flush=True)
    params = xllamacpp.CommonParams()
    params.model.path = given.model
    params.model_alias = {given.alias}
    params.n_ctx, params.n_parallel = given.ctx_size, given.parallel
    params.n_gpu_layers = given.n_gpu_layers
    params.cpuparams.n_threads = given.threads
    params.hostnames, params.port = [given.host], given.port
    params.api_keys = [os.environ["LLAMA_API_KEY"]]
    params.cache_ram_mib = given.cache_ram
    server = xllamacpp.Server(params)
    print(server.listening_address, file=sys.stderr, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
