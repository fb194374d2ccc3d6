"""A single ``doctor`` finding."""

import dataclasses
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of a check. ``fix`` is the next step; empty if the check passed."""

    name: str
    level: Level
    text: str
    fix: str = ""
