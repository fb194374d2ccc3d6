"""Words for the stages of an offload, and for the progress lines that the hub sends during a call."""

import re
from dataclasses import dataclass

from server.common.stage_names import STAGE_NAMES

NAMES_A_MODEL = frozenset({"fit", "load", "prompt", "generate"})
"""Stages whose first line names the model."""

_REPEATED = re.compile(r" \(\d+ s\)$")
"""The seconds that the hub adds when it repeats a line."""


def stage_words(name: str) -> str:
    """Return a stage as text. Other texts are returned unchanged."""
    return STAGE_NAMES.get(name, name)


@dataclass
class StageLine:
    """The progress of one call in words: stage, detail, model and elapsed time."""

    model: str = ""

    def words(self, text: str) -> tuple[str, str]:
        """Return the stage of a progress line such as ``generate: ~15 tokens, 3 tokens/s`` in words, and its
        detail with the model.
        """
        text = _REPEATED.sub("", text)
        name, _, detail = text.partition(": ")
        if name not in STAGE_NAMES:
            return text, ""
        if name in NAMES_A_MODEL and detail and " " not in detail:
            self.model, detail = detail, ""
        if detail == self.model:
            detail = ""
        return STAGE_NAMES[name], " · ".join(part for part in (detail, self.model) if part)


def elapsed(seconds: float) -> str:
    """Return an elapsed time as ``0:07`` or ``1:02:07``."""
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
