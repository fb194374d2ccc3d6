"""The values that pass from stage to stage of one offload, each frozen.

``Task`` → (read) ``Source`` → (fit) ``Prompt`` → (generate) ``Generation`` → (check) ``Verdict``
→ (deliver) ``Delivery`` → (book) ``Receipt`` (in ``ledger.receipt``), and to the caller ``Outcome``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.backends.base import Message
from server.common.errors import BadArguments
from server.ledger.receipt import Cost
from server.models.categories import CATEGORIES, Category
from server.store.records import OWN_CLIENTS

OutputFormat = Literal["code", "diff", "explanation", "raw"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = ("code", "diff", "explanation", "raw")

TaskCategory = Literal["", Category]
"""The kind of work, where the caller names one."""

OutcomeName = Literal["delivered", "returned", "handed_back", "failed", "cancelled", "denied"]
"""``delivered``: written to a file. ``returned``: the text itself was the answer. ``handed_back``: the
model's answer did not pass, nothing written. ``failed``: an error with a code. ``cancelled``: by the
caller or the user. ``denied``: by policy."""
OUTCOMES: tuple[OutcomeName, ...] = (
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "cancelled",
    "denied",
)


ERRORS = frozenset({"failed", "cancelled", "denied"})
"""Outcomes that the client gets as an error; a hand-back is an answer."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and which folders are its project.

    ``client`` is the client's own name (``claude-code``), ``session`` one connection of it, ``project``
    the folder that relative paths start from, ``roots`` all folders it may touch (``project`` among
    them), ``tool_use_id`` Claude Code's id of the call, None elsewhere. ``arguments`` are those of the call,
    as it was sent: what its cost is reckoned from; None where nothing was sent.
    """

    client: str
    session: str
    project: Path | None
    roots: tuple[Path, ...]
    tool_use_id: str | None = None
    arguments: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def by_user(self) -> bool:
        """Whether the user asks, from the dashboard or a shell: nothing of Claude's is spared or spent."""
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class ItemOf:
    """The batch that a task is an item of, and what the item bears of what the batch's call cost."""

    job_id: str
    cost: Cost


@dataclass(frozen=True)
class Task:
    """One call, as the caller made it. Paths are as given; nothing is resolved yet.

    ``category`` is the kind of work, by which the model is chosen where ``model`` names none.
    """

    task: str
    files: tuple[str, ...] = ()
    output: str | None = None
    context: str = ""
    language: str = ""
    output_format: OutputFormat = "code"
    model: str | None = None
    category: TaskCategory = ""
    check: str | None = None
    tool: str = "offload_work"

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], tool: str = "offload_work") -> "Task":
        """Return the task that arguments of ``offload_work`` describe: of a call, of a batch's item, or of a
        row in the history. Unknown values of ``output_format`` and ``category`` count as not given.

        Raises:
            BadArguments: there is no task text.
        """
        text = str(arguments.get("task") or "")
        if not text.strip():
            raise BadArguments("task is empty.", "Say what the local model shall do.")
        wanted, kind = arguments.get("output_format"), arguments.get("category")
        return cls(
            task=text,
            files=tuple(str(path) for path in arguments.get("files") or ()),
            output=arguments.get("output") or None,
            context=str(arguments.get("context") or ""),
            language=str(arguments.get("language") or ""),
            output_format=next((each for each in OUTPUT_FORMATS if each == wanted), "code"),
            model=arguments.get("model") or None,
            category=next((each for each in CATEGORIES if each == kind), ""),
            check=arguments.get("check") or None,
            tool=tool,
        )


@dataclass(frozen=True)
class Compression:
    """One call of ``compress_context``: ``files`` or ``content``; ``max_length`` is characters."""

    files: tuple[str, ...] = ()
    content: str = ""
    focus: str = ""
    max_length: int = 2_000
    model: str | None = None
    tool: str = "compress_context"


@dataclass(frozen=True)
class Source:
    """One input as read from disk: the whole file and the part that was selected.

    ``text`` is the file decoded and with ``\\n`` line endings; ``start``/``end`` are character offsets
    of the selection in it (0 and ``len(text)`` for the whole file). ``digest`` is the SHA-256 of the file's
    bytes, in hex. ``encoding`` is that of the file, ``guessed`` where it is not known for sure.
    """

    path: Path
    shown: str
    text: str
    digest: str
    start: int
    end: int
    selection: str = ""
    encoding: str = "utf-8"
    guessed: bool = False

    @property
    def selected(self) -> str:
        """The selected text."""
        return self.text[self.start : self.end]

    @property
    def whole(self) -> bool:
        """Whether the selection is the whole file."""
        return self.start == 0 and self.end == len(self.text)


@dataclass(frozen=True)
class Target:
    """The file to write: ``path`` with links resolved, and the digest of what is there.

    ``digest`` is the SHA-256 in hex, None where there is no file yet; ``text`` is then empty.
    """

    path: Path
    shown: str
    digest: str | None = None
    text: str = ""
    encoding: str = "utf-8"
    bom: bool = False
    newline: str = "\n"


@dataclass(frozen=True)
class Edit:
    """A span of a file's text (``\\n`` line endings, offsets in characters) and what replaces it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Prompt:
    """What the model is asked, and how its answer is to be read.

    ``kind`` names the template; ``num_ctx`` and ``max_tokens`` are tokens. ``prompt_tokens`` is the
    engine's own count, or an estimate where ``counted`` is False.
    """

    kind: str
    messages: tuple[Message, ...]
    num_ctx: int
    max_tokens: int
    prompt_tokens: int
    counted: bool


@dataclass(frozen=True)
class Generation:
    """One answer of the model, whole, with thinking kept apart."""

    text: str
    thinking: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    generate_seconds: float = 0.0


@dataclass(frozen=True)
class Check:
    """One check's finding. ``message`` says what is wrong, precisely enough to repair it.

    ``code`` is the reason of a hand-back (one of ``offload.reasons``), empty where it passed.
    ``hopeless`` marks a failure that asking again would only repeat.
    """

    name: str
    passed: bool
    message: str = ""
    code: str = ""
    hopeless: bool = False


@dataclass(frozen=True)
class Notice:
    """Something that a delivered result changed and that may not have been meant: ``removed function f``.

    ``likely`` marks what is rarely meant, so that the model is asked again before it is delivered.
    """

    text: str
    likely: bool = False


@dataclass(frozen=True)
class Verdict:
    """All checks of one answer, in order, and the text that would be delivered if all passed.

    ``edits`` are the spans of the edited file that it replaces, empty where a file is written anew.
    ``notices`` are what is delivered with it; ``unchecked`` names the checks that could not be made.
    """

    checks: tuple[Check, ...]
    text: str = ""
    edits: tuple[Edit, ...] = ()
    notices: tuple[Notice, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The first failure in words, empty if all passed."""
        return next((f"{c.name}: {c.message}" for c in self.checks if not c.passed), "")

    @property
    def failure(self) -> Check | None:
        """The first failure, None if all passed."""
        return next((check for check in self.checks if not check.passed), None)


@dataclass(frozen=True)
class Attempt:
    """One round with the model: what it was asked, what it said, what the checks found."""

    number: int
    prompt: Prompt
    generation: Generation
    verdict: Verdict


@dataclass(frozen=True)
class Delivery:
    """A file as written. ``before`` is None where it did not exist.

    ``diff`` is a unified diff from before to after; ``added``/``removed`` count its lines; ``names``
    are the definitions that were added or changed.
    """

    path: Path
    shown: str
    before: bytes | None
    after_digest: str
    diff: str
    added: int
    removed: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What the caller gets. ``text`` is the digest (at most 400 characters), the text itself where no
    output was named, or the reason of a hand-back; then, where the file could not simply be put back as it
    was, what became of it."""

    offload_id: str
    name: OutcomeName
    text: str
    code: str = ""
    net_tokens: int = 0
    delivery: Delivery | None = None
    attempts: tuple[Attempt, ...] = field(default=())
    notices: tuple[str, ...] = ()


Report = Callable[[float, float | None, str], Awaitable[None]]
"""Progress to the caller: done, total (None where unknown), one line of text."""
