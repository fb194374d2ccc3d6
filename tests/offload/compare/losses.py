"""The losses from ``losses.yaml``: texts before and after an edit, and what a comparison names."""

from pathlib import Path
from typing import Any

import yaml

_LOSSES: dict[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_bytes())


def losses(kind: str) -> list[dict[str, Any]]:
    """Return the losses of a kind: ``definitions``, ``heads`` or ``formats``."""
    return _LOSSES[kind]
