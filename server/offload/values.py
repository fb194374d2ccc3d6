"""The frozen values passed from stage to stage in an offload.

``Task`` → (read) ``Source`` → (fit) ``Prompt`` → (generate) ``Generation`` → (check) ``Verdict`` → (deliver)
``Delivery`` → (record) ``Receipt`` (in ``ledger.receipt``); the caller gets the ``Outcome``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from server.backends.base import Message
from server.common.errors import BadArguments
from server.ledger.receipt import Cost
from server.models.categories import CATEGORIES, Category
from server.store.records import OWN_CLIENTS, ReadKind

OutputFormat = Literal["code", "diff", "explanation", "raw"]
OUTPUT_FORMATS: tuple[OutputFormat, ...] = ("code", "diff", "explanation", "raw")

TaskCategory = Literal["", Category]
"""The kind of work; empty if the caller names none."""

Strength = Literal["tests ran", "examples ran", "samples agree", "typed", "parsed", "not checked"]
"""The evidence for a result, strongest first. ``tests ran``: a test executed the changed lines. ``examples
ran``: at least two examples call the new code, and they fail if its body is empty. ``samples agree``: several
answers behave alike. ``typed``: a type checker passed. ``parsed``: the result has no syntax errors.
"""
STRENGTHS: tuple[Strength, ...] = get_args(Strength)

OutcomeName = Literal["delivered", "returned", "handed_back", "failed", "cancelled", "denied"]
"""``delivered``: written to a file. ``returned``: the reply is the text itself. ``handed_back``: the model's
answer failed a check and nothing was written. ``failed``: an error with a code. ``cancelled``: by the caller
or the user. ``denied``: by policy.
"""
OUTCOMES: tuple[OutcomeName, ...] = (
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "cancelled",
    "denied",
)


ERRORS = frozenset({"failed", "cancelled", "denied"})
"""Outcomes that the client receives as errors. A hand-back is not an error."""


@dataclass(frozen=True)
class Caller:
    """The caller of an offload and the folders of its project.

    ``client`` is the client's name for itself (``claude-code``); ``session`` is one of its connections.
    ``project`` is the base folder for relative paths; ``roots`` are all the folders the caller may touch,
    including ``project``. ``tool_use_id`` is Claude Code's ID for the call, or None for other clients.
    ``arguments`` are the call's arguments as sent, used to calculate its cost, or None if none were sent.
    """

    client: str
    session: str
    project: Path | None
    roots: tuple[Path, ...]
    tool_use_id: str | None = None
    arguments: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def lane(self) -> str:
        """The party that takes turns for threads and the engine: a single client connection. HTTP clients may
        have no session and are distinguished by project.
        """
        return f"{self.client} {self.session} {self.project}"

    @property
    def by_user(self) -> bool:
        """Return whether the call comes from the user, through the dashboard or a shell. Such a call neither
        saves nor costs Claude tokens.
        """
        return self.client in OWN_CLIENTS


@dataclass(frozen=True)
class ItemOf:
    """The batch that a task belongs to, and the item's share of the batch call's cost."""

    job_id: str
    cost: Cost


@dataclass(frozen=True)
class Task:
    """One call, as the caller made it. Paths are as given, not resolved.

    ``category`` is the kind of work. It selects the model if ``model`` is empty. ``examples`` are facts about
    the new code, one per line: ``f([3, 1]) == [1, 3]``.
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
    examples: tuple[str, ...] = ()

    @classmethod
    def of_refused(cls, arguments: Mapping[str, Any], tool: str) -> "Task":
        """Return what the history keeps of a call that was refused before it was read."""
        words = str(arguments.get("task") or arguments.get("focus") or tool)
        return cls(words, output=str(arguments.get("output") or "") or None, tool=tool)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], tool: str = "offload_work") -> "Task":
        """Return the task for ``offload_work`` arguments, whether from a call, a batch item or a history row.

        Unknown values of ``output_format`` and ``category`` are treated as missing.

        Raises:
            BadArguments: the task text is missing.
        """
        text = str(arguments.get("task") or "")
        if not text.strip():
            raise BadArguments("`task` is empty.", "Say what the local model should do.")
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
            examples=tuple(str(each) for each in arguments.get("examples") or ()),
        )


@dataclass(frozen=True)
class Compression:
    """A single call to ``compress_context``, with ``files`` or ``content``. ``max_length`` is in characters.

    ``patience`` is the time limit for the local model's answer in seconds, or None for no limit.
    """

    files: tuple[str, ...] = ()
    content: str = ""
    focus: str = ""
    max_length: int = 2_000
    model: str | None = None
    tool: str = "compress_context"
    patience: float | None = None


@dataclass(frozen=True)
class Source:
    """One input as read from disk: the whole file and the selected part.

    ``text`` is the decoded file with ``\\n`` line endings. ``start`` and ``end`` are character offsets of the
    selection in it (0 and ``len(text)`` for the whole file). ``digest`` is the SHA-256 of the file's bytes,
    in hex. ``guessed`` means that the ``encoding`` is not certain. ``read_as`` is the way in which Claude
    would have read the input; the ledger counts this reading as saved (``ledger.habits.read_by_habit``).
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
    read_as: ReadKind = "file"

    @property
    def selected(self) -> str:
        """The selected text."""
        return self.text[self.start : self.end]

    @property
    def whole(self) -> bool:
        """Return whether the selection covers the whole file."""
        return self.start == 0 and self.end == len(self.text)


@dataclass(frozen=True)
class Target:
    """The file to write. ``path`` has its links resolved.

    ``digest`` is the SHA-256 of the current content in hex. For a new file it is None and ``text`` is empty.
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
    """A span of a file's text (``\\n`` line endings, offsets in characters) and its replacement."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Prompt:
    """The request to the model, and its limits.

    ``kind`` names the template. ``num_ctx`` and ``max_tokens`` are in tokens. ``prompt_tokens`` is the
    engine's own count, or an estimate if ``counted`` is False.
    """

    kind: str
    messages: tuple[Message, ...]
    num_ctx: int
    max_tokens: int
    prompt_tokens: int
    counted: bool


@dataclass(frozen=True)
class Generation:
    """One complete answer from the model. Its thinking is stored separately."""

    text: str
    thinking: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    generate_seconds: float = 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """Return the seconds in each stage: ``load``, ``prompt`` and ``generate``."""
        return {"load": self.load_seconds, "prompt": self.prompt_seconds, "generate": self.generate_seconds}


@dataclass(frozen=True)
class Check:
    """The result of one check. ``message`` describes the fault precisely enough to fix it.

    ``code`` is the reason for a hand-back (one of ``checks.codes``), empty if the check passed. ``hopeless``
    marks a failure that another round would only repeat. ``held`` is the number of examples that held when
    others did not.
    """

    name: str
    passed: bool
    message: str = ""
    code: str = ""
    hopeless: bool = False
    held: int = 0


@dataclass(frozen=True)
class Notice:
    """A change in a delivered result that may be unintended: ``removed function f``.

    ``likely`` marks a change that is rarely intended: the model is asked again before delivery.
    """

    text: str
    likely: bool = False


@dataclass(frozen=True)
class Verdict:
    """All checks of one answer, in order, and the text to deliver if they all passed.

    ``edits`` are the replaced spans of the edited file, empty for a new file. ``notices`` are delivered with
    the text. ``unchecked`` names the checks that could not run, with the reason where it is not obvious.
    ``strength`` is the evidence for the result. ``unproven`` are functions that were loaded without any
    evidence of how they behave.
    """

    checks: tuple[Check, ...]
    text: str = ""
    edits: tuple[Edit, ...] = ()
    notices: tuple[Notice, ...] = ()
    unchecked: tuple[str, ...] = ()
    strength: Strength = "not checked"
    unproven: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The message from the first failure; empty if all checks passed."""
        return next((f"{c.name}: {c.message}" for c in self.checks if not c.passed), "")

    @property
    def failure(self) -> Check | None:
        """The first failure; None if all checks passed."""
        return next((check for check in self.checks if not check.passed), None)


@dataclass(frozen=True)
class Attempt:
    """One round with the model: prompt, answer and verdict.

    ``timings`` are seconds: ``began`` since the offload started, then the time in each stage: ``queue``,
    ``load``, ``prompt``, ``generate``, ``check``.
    """

    number: int
    prompt: Prompt
    generation: Generation
    verdict: Verdict
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """A file as written. ``before`` is None for a new file.

    ``diff`` is a unified diff. ``added`` and ``removed`` are its line counts. ``names`` are the definitions
    that were added or changed.
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
    """The result that the caller receives.

    ``text`` is the summary (at most 400 characters), the text itself if no output was named, or the reason
    for a hand-back. If the file could not be restored, remarks follow.
    """

    offload_id: str
    name: OutcomeName
    text: str
    code: str = ""
    net_tokens: int = 0
    delivery: Delivery | None = None
    attempts: tuple[Attempt, ...] = field(default=())
    notices: tuple[str, ...] = ()
    strength: str = ""


Report = Callable[[float, float | None, str], Awaitable[None]]
"""Reports progress to the caller: amount done, total (None if unknown), one line of text."""
