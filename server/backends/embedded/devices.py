"""Devices available to the llama.cpp library. Most published builds use only the CPU.

``python -P -m server.backends.embedded.devices`` prints the library's version and GPUs as JSON.
"""

import json
import sys
from typing import Any


def gpus() -> list[dict[str, Any]]:
    """Return the GPUs the library can use, with the fields of ``EngineDevice``. This loads the library."""
    import xllamacpp  # noqa: PLC0415 - takes most of a second and reserves memory

    kinds = xllamacpp.ggml_backend_dev_type
    wanted = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return [
        {
            "name": device["name"],
            "description": device["description"],
            "total": device["memory_total"],
            "free": device["memory_free"],
        }
        for device in xllamacpp.get_device_info()
        if device["type"] in wanted
    ]


def main() -> None:
    """Print the library's version and GPUs to standard error, where the parent reads them."""
    import xllamacpp  # noqa: PLC0415 - see ``gpus``

    found = json.dumps({"version": xllamacpp.__version__, "devices": gpus()})
    print(found, file=sys.stderr)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()
