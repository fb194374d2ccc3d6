"""What a comparison finds: single changes, each short enough to be named in a reply."""

from dataclasses import dataclass
from typing import Literal

Weight = Literal["wrong", "slip", "loss"]
"""``wrong``: certainly a mistake. ``slip``: rarely meant, worth asking the model again. ``loss``: something
vanished that the task may or may not want to be gone."""

LONGEST_NAME = 60


@dataclass(frozen=True)
class Change:
    """One change beside what an edit adds.

    ``how`` says what happened (``removed``, ``changed``, ``moved``, ``given twice``), ``kind`` to what
    (``function``, ``key``, ``top comment``), ``name`` to which one. ``words`` are the names by which a task
    may ask for it. ``line`` counts from 1: of the file before for what is gone, else of the file after.
    """

    how: str
    kind: str
    name: str
    line: int
    weight: Weight = "loss"
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The change in a few words: ``removed function parse``."""
        name = " ".join(self.name.split())
        if len(name) > LONGEST_NAME:  # of a path, the end tells most
            cut = LONGEST_NAME - 1
            name = "…" + name[-cut:] if self.kind in ("key", "cell") else name[:cut] + "…"
        return " ".join(part for part in (self.how, self.kind, name) if part)


@dataclass(frozen=True)
class Comparison:
    """The changes between two states of a file, and what was compared, such as ``definitions``."""

    changes: tuple[Change, ...]
    compared: str
