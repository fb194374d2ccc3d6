"""The lines of a transcript as values: an answer, a user turn, text inserted by the client, a compaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ToolUse:
    """A tool call by Claude. ``cwd`` is the folder its relative paths start from."""

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
    """The token counts of one request, as reported by the API: input, split by how it used the cache, and
    output."""

    input: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """All tokens sent by the request, cached or not."""
        return self.input + self.write_5m + self.write_1h + self.read

    @property
    def written(self) -> int:
        """Tokens written to the cache."""
        return self.write_5m + self.write_1h


@dataclass(frozen=True)
class AssistantMessage:
    """One line of an assistant message. ``usage.output`` counts the whole message so far. ``chain`` tells
    subagents apart; ``at`` is the time of the line, in seconds since the epoch (0: unknown). ``session`` is
    the session that made the request, if different: a forked session repeats the lines of the earlier one.
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
        """All tokens sent by the request."""
        return self.usage.prompt

    @property
    def output_tokens(self) -> int:
        """Output tokens of the entire message so far."""
        return self.usage.output


@dataclass(frozen=True)
class Turn:
    """A user's line: tool results, the user's own ``texts``, and whether Claude also reads other content of
    unknown size from it.
    """

    chain: str
    results: tuple[ToolResult, ...]
    other: bool
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Injected:
    """Text that the client itself put into the context: a reminder, a listing, a hook's output, or a note
    about a changed file (``path``).

    ``kind`` is the attachment type, ``meta`` for the client's own messages, or ``fixed`` for the system
    prompt and the tool definitions. ``parts`` holds its texts by the part of the set-up they belong to
    (``skill:NAME``, ``agent:NAME``, ``mcp:SERVER``, ``memory:PATH``, ``hook:EVENT``, ``client:TYPE``).
    ``known`` is true if Claude reads exactly these texts. Otherwise their size is unknown.
    """

    chain: str
    kind: str
    parts: tuple[tuple[str, str], ...]
    path: str = ""
    known: bool = True


@dataclass(frozen=True)
class Compaction:
    """The client replaced the conversation so far with a summary."""

    chain: str


@dataclass(frozen=True)
class ClientTotal:
    """The client's own count of everything it has sent so far, by model. This includes requests that have no
    line of their own: compactions and titles. A forked session continues the first session's count.
    """

    usage: Mapping[str, Usage]
    chain: str = ""


TranscriptLine = AssistantMessage | Turn | Injected | Compaction | ClientTotal
