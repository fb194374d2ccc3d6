"""One finding of ``doctor``."""

import dataclasses
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of one check. ``fix`` is the next step; empty if the check passed."""

    name: str
    level: Level
    text: str
    fix: str = ""
