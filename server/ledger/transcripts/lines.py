"""The lines of a transcript as values: an answer, a user's turn, a text of the client's own, a compaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ToolUse:
    """A tool call by Claude. ``cwd`` is the folder at which its relative paths start."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    cwd: str


@dataclass(frozen=True)
class ToolResult:
    """The result of a tool call. ``tools``: the deferred tools whose definitions it loads."""

    id: str
    text: str
    error: bool
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """The token counts of one request, as the API reports them: input by its way through the cache, and
    output."""

    input: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """All tokens that the request sent, cached or not."""
        return self.input + self.write_5m + self.write_1h + self.read

    @property
    def written(self) -> int:
        """Tokens written to the cache."""
        return self.write_5m + self.write_1h


@dataclass(frozen=True)
class AssistantMessage:
    """One line of an assistant's message. ``usage.output`` counts the whole message so far. ``chain``
    distinguishes subagents; ``at`` is the instant of the line, seconds since the epoch (0: unknown).
    ``session`` is the session that made the request, if it is a different session: a forked session repeats
    the lines of the earlier session.
    """

    chain: str
    message_id: str
    model: str
    usage: Usage
    uses: tuple[ToolUse, ...]
    texts: tuple[str, ...]
    thinking: bool
    at: float = 0.0
    session: str = ""

    @property
    def prompt_tokens(self) -> int:
        """All tokens that the request sent."""
        return self.usage.prompt

    @property
    def output_tokens(self) -> int:
        """Output tokens of the whole message so far."""
        return self.usage.output


@dataclass(frozen=True)
class Turn:
    """A user's line: tool results, ``texts`` written by the user, and whether the line contains other content
    of unknown size that Claude reads.
    """

    chain: str
    results: tuple[ToolResult, ...]
    other: bool
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Injected:
    """Text that the client itself put into the context: a reminder, a listing, a hook's output, a note
    about a changed file (``path``).

    ``kind`` is the attachment's type, ``meta`` for a message of the client's own, or ``fixed`` for the system
    prompt and the tool definitions. ``parts`` holds its texts by their part of the set-up (``skill:NAME``,
    ``agent:NAME``, ``mcp:SERVER``, ``memory:PATH``, ``hook:EVENT``, ``client:TYPE``). ``known`` is true if
    Claude reads exactly these texts. Otherwise their size is unknown.
    """

    chain: str
    kind: str
    parts: tuple[tuple[str, str], ...]
    path: str = ""
    known: bool = True


@dataclass(frozen=True)
class Compaction:
    """The client replaced the conversation so far by a summary."""

    chain: str


@dataclass(frozen=True)
class ClientTotal:
    """The client's own count of all content that it has sent so far, by model. It includes requests without a
    separate line: compactions, titles. A forked session continues the count of the first session.
    """

    usage: Mapping[str, Usage]
    chain: str = ""


TranscriptLine = AssistantMessage | Turn | Injected | Compaction | ClientTotal
