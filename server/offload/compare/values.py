"""What a comparison found: individual changes, short enough to name in a reply."""

from dataclasses import dataclass
from typing import Literal

Weight = Literal["wrong", "slip", "loss"]
"""``wrong``: certainly a mistake. ``slip``: rarely intended, so the model is asked again. ``loss``: something
is gone, which the task may or may not intend.
"""

LONGEST_NAME = 60


@dataclass(frozen=True)
class Change:
    """A single change in an edit, except additions.

    ``how`` says what happened (``removed``, ``changed``, ``moved``, ``defined twice``). ``kind`` is the kind
    of thing (``function``, ``key``, ``top comment``), and ``name`` is its name. A task that contains one of
    the ``words`` may be asking for the change. ``line`` counts from 1, in the file before the edit if the
    thing is gone and otherwise in the file after it.
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
        if len(name) > LONGEST_NAME:  # the end of a path is the most specific part
            cut = LONGEST_NAME - 1
            name = "…" + name[-cut:] if self.kind in ("key", "cell") else name[:cut] + "…"
        return " ".join(part for part in (self.how, self.kind, name) if part)


@dataclass(frozen=True)
class Comparison:
    """The changes between two versions of a file, and what was compared, such as ``definitions``."""

    changes: tuple[Change, ...]
    compared: str
