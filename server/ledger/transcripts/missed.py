"""Missed chances: large results that Claude read and large files that it wrote, without us.

What Claude read only to edit the same file is no chance: it needed the text. Sizes of results that the API
did not single out are taken from their characters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LARGE_RESULT = 2_000
"""Tokens from which a result counts: reading it whole costs well more than asking for a digest."""
LARGE_FILE = 500
"""Tokens from which a written file counts: well more than a call and its digest."""
CHARACTERS_A_TOKEN = 2.1
"""Characters that make one token in the calibration table's family B; family A has 2.5."""

READ_FILE = "large files read"
WROTE_FILE = "files written"
_KINDS = {
    "Read": READ_FILE,
    "Bash": "command output",
    "BashOutput": "command output",
    "Grep": "search results",
    "Glob": "search results",
    "WebFetch": "web pages",
    "WebSearch": "web pages",
    "Write": WROTE_FILE,
}
_ADVICE = {
    READ_FILE: "When you only need to know what a large file says, call compress_context with its path "
    "and a focus instead of reading it.",
    "command output": "Send the output of long commands to a file, then call compress_context on it.",
    "search results": "For a question over many files, call compress_context with their paths.",
    "web pages": "Save long pages to a file, then call compress_context on it.",
    "other results": "Save long tool results to a file, then call compress_context on it.",
    WROTE_FILE: "For tests, docstrings and boilerplate, call offload_work with `files` and `output` instead "
    "of writing the file yourself.",
}


@dataclass(frozen=True)
class Chance:
    """What could have been offloaded, of one kind: how often, and the tokens at stake."""

    kind: str
    count: int
    tokens: int
    advice: str


@dataclass(frozen=True)
class MissedSavings:
    """All missed chances, the most tokens first, and how often Claude called us instead."""

    missed: tuple[Chance, ...]
    calls: int

    @property
    def rate(self) -> float | None:
        """How often Claude called us of the times it could have, as a share; None without any."""
        times = self.calls + sum(chance.count for chance in self.missed)
        return self.calls / times if times else None

    @property
    def tokens(self) -> int:
        """All tokens at stake."""
        return sum(chance.tokens for chance in self.missed)

    @property
    def advice(self) -> str:
        """Lines for the user's ``CLAUDE.md`` on what was missed most, empty where nothing was."""
        return "\n".join(f"- {chance.advice}" for chance in self.missed[:3])


def kind_of(tool: str) -> str:
    """Return the kind of chance that a tool's result or file is."""
    return _KINDS.get(tool, "other results")


def rough_tokens(characters: int) -> int:
    """Return about how many tokens so many characters take."""
    return int(characters / CHARACTERS_A_TOKEN)


def merge(counts: Iterable[Mapping[str, Iterable[int]]], calls: int) -> MissedSavings:
    """Return all sessions' chances as one; each maps a kind to its count and tokens."""
    sums: dict[str, list[int]] = {}
    for each in counts:
        for kind, (count, tokens) in each.items():
            whole = sums.setdefault(kind, [0, 0])
            whole[0] += count
            whole[1] += tokens
    missed = [
        Chance(kind, count, tokens, _ADVICE.get(kind, "")) for kind, (count, tokens) in sums.items() if count
    ]
    return MissedSavings(tuple(sorted(missed, key=lambda chance: -chance.tokens)), calls)
