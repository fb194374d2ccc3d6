"""Missed savings: large results that Claude read, and large files it wrote, without this server.

A file that Claude read only to edit does not count, because Claude needed its text. If the transcript does
not give a result's size, it is estimated from the number of characters.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LARGE_RESULT = 2_000
"""Smallest result that counts (tokens). Reading it costs well over what a request for a summary would."""
LARGE_FILE = 500
"""Smallest written file that counts (tokens): well over a call and its summary."""
CHARACTERS_A_TOKEN = 2.1
"""Characters per token in family B, from the calibration table; family A has 2.5."""

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
    READ_FILE: "When you only need the gist of a large file, call compress_context with its path and a "
    "focus instead of reading it.",
    "command output": "Send the output of long commands to a file, then call compress_context on it.",
    "search results": "For a question over many files, call compress_context with their paths.",
    "web pages": "Save long pages to a file, then call compress_context on it.",
    "other results": "Save long tool results to a file, then call compress_context on it.",
    WROTE_FILE: "For tests, docstrings and boilerplate, call offload_work with `files` and `output` instead "
    "of writing the file yourself.",
}


@dataclass(frozen=True)
class MissedChance:
    """One kind of work that could have been offloaded: how often it came up, and its tokens."""

    kind: str
    count: int
    tokens: int
    advice: str


@dataclass(frozen=True)
class MissedSavings:
    """All kinds of missed savings, largest token count first."""

    kinds: tuple[MissedChance, ...]

    @property
    def advice(self) -> str:
        """Lines for the user's ``CLAUDE.md`` about the most frequent kinds; empty if there are no missed
        savings.
        """
        return "\n".join(f"- {chance.advice}" for chance in self.kinds[:3])


def kind_of(tool: str) -> str:
    """Return the kind of missed saving for a tool's result or file."""
    return _KINDS.get(tool, "other results")


def rough_tokens(characters: int) -> int:
    """Return a rough token count for text with this many characters."""
    return int(characters / CHARACTERS_A_TOKEN)


def merge(counts: Iterable[Mapping[str, Iterable[int]]]) -> MissedSavings:
    """Add up the missed savings from all sessions. Each session maps a kind to its count and tokens."""
    sums: dict[str, list[int]] = {}
    for each in counts:
        for kind, (count, tokens) in each.items():
            whole = sums.setdefault(kind, [0, 0])
            whole[0] += count
            whole[1] += tokens
    missed = [
        MissedChance(kind, count, tokens, _ADVICE.get(kind, ""))
        for kind, (count, tokens) in sums.items()
        if count
    ]
    return MissedSavings(tuple(sorted(missed, key=lambda chance: -chance.tokens)))
