"""The stages of an offload in words, for the pages and the command line."""

from collections.abc import Mapping

STAGE_NAMES: Mapping[str, str] = {
    "read": "Reading files",
    "fit": "Fitting the prompt into the context",
    "download": "Downloading the model",
    "queue": "Waiting for the engine",
    "load": "Loading the model",
    "prompt": "Reading the prompt",
    "generate": "Writing the answer",
    "check": "Checking the answer",
    "repair": "Repairing the answer",
    "sample": "Drawing another sample",
    "deliver": "Writing the file",
    "starting": "Starting",
}
"""Display text for each stage in ``events.OffloadStage``."""
