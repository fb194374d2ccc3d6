"""GPU support of the installed llama.cpp library: most published builds compute on the CPU only.

``python -P -m server.backends.embedded.devices`` exits with ``HAS_GPU`` or ``NO_GPU``. A child process is
asked, because loading the library takes most of a second and reserves memory.
"""

import logging
import sys

from server.common.processes import last_line, run_module

logger = logging.getLogger(__name__)

HAS_GPU, NO_GPU = 10, 11


async def ask_has_gpu() -> bool:
    """Return whether the library finds a GPU that it can use, asking it in a child process."""
    status, errors = await run_module(__name__, [], {})
    if status not in (HAS_GPU, NO_GPU):
        logger.warning("llama.cpp did not list its devices: %s", last_line(errors, status))
    return status == HAS_GPU


def has_gpu() -> bool:
    """Return whether the library finds a GPU that it can use. Loads the library."""
    import xllamacpp  # noqa: PLC0415 - see the module's docstring

    kinds = xllamacpp.ggml_backend_dev_type
    gpus = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return any(device["type"] in gpus for device in xllamacpp.get_device_info())


if __name__ == "__main__":
    sys.exit(HAS_GPU if has_gpu() else NO_GPU)
