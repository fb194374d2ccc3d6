"""A finding of ``doctor``."""

import dataclasses
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of one check. ``fix`` is the next step, empty if all is well."""

    name: str
    level: Level
    text: str
    fix: str = ""
