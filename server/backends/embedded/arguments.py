"""Arguments for llama.cpp's server, both for the library and for a ``llama-server`` program.

Flash attention and the KV cache type are left to the build, because it knows its devices.
"""

from pathlib import Path
from typing import Any

BATCH_TOKENS, BATCH_THREADS, BATCH_WEIGHTS = 64, 2, 1_117_320_768
"""See ``cpu_batch``."""
ALL_LAYERS = 999
KEY_VARIABLE = "LLAMA_API_KEY"
"""Environment variable that passes ``llama-server`` its key, keeping it off the command line."""
VERBOSITY_VARIABLE, VERBOSITY = "LLAMA_ARG_LOG_VERBOSITY", 4
"""Log level at which llama.cpp reports the sizes of its buffers (see ``buffers``); its default is one lower.
Prompts are not logged at this level. Builds too old for the variable report the sizes in any case."""


def command_line(order: dict[str, Any]) -> list[str]:
    """Return the ``llama-server`` command line for an order (see ``child_process.Order``)."""
    layers = ALL_LAYERS if order["gpu_layers"] < 0 else order["gpu_layers"]
    command = [
        order["program"],
        *("--model", order["path"]),
        *("--alias", order["model"]),
        *("--ctx-size", str(_context(order))),
        *("--parallel", str(order["slots"])),
        *("--n-gpu-layers", str(layers)),
        *("--threads", str(order["threads"]), "--threads-batch", str(order["threads"])),
        *("--host", "127.0.0.1", "--port", "0"),
        *("--cache-ram", str(order["cache_mib"])),
        *("--jinja", "--offline", "--no-webui"),
    ]
    if not order["on_gpu"]:
        batch = str(_batch(order))
        command += ["--batch-size", batch, "--ubatch-size", batch]
    return command


def library_parameters(order: dict[str, Any]) -> Any:
    """Return the library's parameters for an order. This loads the library."""
    import xllamacpp  # noqa: PLC0415 - only the child process loads it

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["model"]}
    params.n_ctx = _context(order)
    params.n_parallel = order["slots"]
    params.n_gpu_layers = order["gpu_layers"]
    params.cpuparams.n_threads = order["threads"]
    params.cpuparams_batch.n_threads = order["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [order["api_key"]]
    if not order["on_gpu"]:
        params.n_batch = params.n_ubatch = _batch(order)
    # Finished prompts are kept in RAM for reuse. The library's default of 8 GiB is too much for a background
    # app.
    params.cache_ram_mib = order["cache_mib"]
    params.verbosity = VERBOSITY
    params.ui = False
    params.offline = True
    return params


def cpu_batch(weights: int, threads: int) -> int:
    """Return the number of prompt tokens, 32 to 512, that a CPU processes in about a second.

    Two threads read 60 to 90 tokens per second with 1.1 GB of weights (Qwen2.5-Coder 1.5B, Q4_K_M). The rate
    falls with the size of the weights and rises with the thread count. Larger batches are hardly faster.
    """
    tokens = BATCH_TOKENS * threads / BATCH_THREADS * BATCH_WEIGHTS / max(1, weights)
    return max(32, min(512, int(tokens) // 32 * 32))


def _context(order: dict[str, Any]) -> int:
    """Return the total context for all slots, because llama.cpp divides it among them."""
    return int(order["num_ctx"] * order["slots"])


def _batch(order: dict[str, Any]) -> int:
    """Return the batch size for a CPU. Requests can be cancelled only between batches."""
    return cpu_batch(Path(order["path"]).stat().st_size, order["threads"])
