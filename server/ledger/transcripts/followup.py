"""Follow-up of an offload: how Claude later used its file, its text and its inputs.

Lines are compared by checksum, ignoring surrounding whitespace. Blank lines do not count.
"""

import zlib
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["read_again", "edited", "rewritten", "left_alone", "nothing_delivered"]
ENDINGS: tuple[Ending, ...] = ("left_alone", "read_again", "edited", "rewritten", "nothing_delivered")


@dataclass(frozen=True)
class KnownOffload:
    """An offload in the history. Paths are absolute. ``lines``: the delivered lines (empty if contents are
    not kept). ``inputs``: the size of each input in bytes. ``job``: the batch an item belongs to."""

    id: str
    outcome: str
    tool: str
    path: str
    lines: tuple[str, ...]
    inputs: dict[str, int]
    job: str = ""


@dataclass
class Followup:
    """One offload as later lines of the transcript show it; plain JSON values, kept between passes."""

    id: str
    outcome: str
    tool: str
    path: str
    delivered: list[int]
    inputs: dict[str, int]
    lost: list[int] = field(default_factory=list)
    rewritten: bool = False
    edited: bool = False
    read_tokens: int = 0
    edit_tokens: int = 0
    edited_tokens: int = 0
    note_tokens: int = 0
    read_turns: int = 0
    edit_turns: int = 0
    inputs_read: list[str] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    written_again: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, known: KnownOffload, already_read: Container[str]) -> "Followup":
        """Start following an offload. ``already_read`` holds the paths Claude has already read."""
        read = [path for path in known.inputs if path in already_read]
        return cls(
            known.id,
            known.outcome,
            known.tool,
            known.path if known.outcome == "delivered" else "",
            checksums(known.lines),
            known.inputs,
            inputs_read=read,
        )

    @property
    def ending(self) -> Ending:
        """The costliest thing Claude did with the result."""
        if self.outcome not in ("delivered", "returned"):
            return "nothing_delivered"
        if self.rewritten or (self.returned and self.kept_text < 0.5):
            return "rewritten"
        if self.edited:
            return "edited"
        return "read_again" if self.read_tokens else "left_alone"

    @property
    def survived(self) -> float | None:
        """The fraction of delivered lines not removed by any later edit; None if unknown."""
        if self.outcome != "delivered" or not self.delivered:
            return None
        return 1 - len(self.lost) / len(self.delivered)

    @property
    def kept_text(self) -> float:
        """The fraction of the returned text's lines that Claude did not write again."""
        if not self.returned:
            return 1.0
        return 1 - len(self.written_again) / len(self.returned)

    @property
    def unread_inputs(self) -> float:
        """The fraction of the inputs, by size, that Claude never read itself."""
        size = sum(self.inputs.values())
        read = sum(self.inputs[path] for path in self.inputs_read if path in self.inputs)
        return 1 - read / size if size else 1.0

    def read_input(self, path: str) -> None:
        """Record that Claude read an input itself. (A file edited in place is its own input; reading it
        afterwards counts as reading the result.)
        """
        if path not in self.inputs_read:
            self.inputs_read.append(path)

    def edit_file(self, gone: list[int], call_tokens: int, old_tokens: int) -> None:
        """Record an edit of the delivered file: checksums of the delivered lines it removed, the cost of the
        call, and the cost of writing its old text. Edits to other lines are not corrections.
        """
        hit = Counter(gone) & (Counter(self.delivered) - Counter(self.lost))
        if self.delivered and not hit:
            return
        self.lost += list(hit.elements())
        self.edited = True
        self.edit_turns += 1
        self.edit_tokens += call_tokens
        self.edited_tokens += old_tokens

    def write_file(self, lines: list[int]) -> None:
        """Record that Claude wrote the entire delivered file itself."""
        self.rewritten = True
        kept = Counter(self.delivered) & Counter(lines)
        self.lost = list((Counter(self.delivered) - kept).elements())

    def get_text(self, text: str) -> None:
        """Record the returned text. If Claude writes it again, nothing was saved."""
        if self.outcome == "returned" and self.tool == "offload_work":
            self.returned = checksums(text.splitlines())

    def write_text(self, lines: list[int]) -> None:
        """Record lines that Claude wrote to any file."""
        again = (Counter(self.returned) - Counter(self.written_again)) & Counter(lines)
        self.written_again += list(again.elements())


def taken_out(old: str, new: str, delivered: Iterable[str]) -> list[int]:
    """Return checksums of the delivered lines that are removed or changed by replacing ``old`` with ``new``.

    An edit can begin and end mid-line. A partial line counts as the whole line.
    """
    gone = Counter(_stripped(old.splitlines())) - Counter(_stripped(new.splitlines()))
    lines = _stripped(delivered)
    found = []
    for part in gone.elements():
        whole = part if part in lines else next((line for line in lines if part in line), None)
        if whole is not None:
            lines.remove(whole)
            found.append(whole)
    return checksums(found)


def checksums(lines: Iterable[str]) -> list[int]:
    """Return a checksum of each non-blank line."""
    return [zlib.crc32(line.encode("utf-8", "replace")) for line in _stripped(lines)]


def _stripped(lines: Iterable[str]) -> list[str]:
    return [line for each in lines if (line := each.strip())]
