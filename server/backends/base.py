"""What every engine offers, as one protocol, and the values that pass through it.

Sizes are bytes, times seconds, instants seconds since the epoch.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do beyond generating, so that tools and pages need not try and fail.

    Facts about an engine are flags here; methods that only some engines have are protocols below.
    """

    load: bool = False
    unload: bool = False
    list_loaded: bool = False
    pull: bool = False
    keep_alive: bool = False
    set_num_ctx: bool = False
    count_tokens: bool = False
    tells_slots: bool = True
    """Whether the engine reports ``slots``; otherwise its value is a starting point for measuring."""
    delete: bool = False
    reports_vram: bool = False
    """Whether the engine reports ``LoadedModel.size_vram``, so that 0 means no GPU memory."""
    run_by_app: bool = False
    """Whether the app runs the engine as a child process: it restarts it, publishes its loads, and computes
    its memory by itself."""


@dataclass(frozen=True)
class InstalledModel:
    """A model that the engine can load. ``size`` is 0 and texts are empty where unknown.

    ``generates`` is False for models that only embed or rank.
    """

    name: str
    size: int = 0
    parameters: str = ""
    quantization: str = ""
    family: str = ""
    context_length: int = 0
    generates: bool = True


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    ``size`` is what it takes in all, ``size_vram`` the part on GPUs. ``expires_at`` is None where it
    stays until it is unloaded. ``estimated`` is what was expected of ``size`` before the load, 0 where
    nothing was.
    """

    name: str
    size: int = 0
    size_vram: int = 0
    num_ctx: int = 0
    slots: int = 1
    expires_at: float | None = None
    estimated: int = 0


N_UBATCH = 512
"""llama.cpp's default: tokens of a prompt that are computed at once."""


@dataclass(frozen=True)
class ModelFile:
    """What the memory of a model is computed from.

    ``metadata`` has the keys of a GGUF header, ``weights`` is the file's size in bytes (0 if unknown),
    ``kv_type`` the type of the KV cache's values. ``on_gpu`` says whether this engine uses a GPU at all,
    ``overhead`` what its process takes beside the model, in bytes; ``n_ubatch`` how many tokens of a prompt
    it computes at once.
    """

    metadata: Mapping[str, Any]
    weights: int
    kv_type: str = "f16"
    on_gpu: bool = True
    overhead: int = 0
    n_ubatch: int = N_UBATCH


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class GenerationRequest:
    """What to generate. Thinking is always off; nothing is ever cut to fit.

    ``num_ctx`` is the context length in tokens for engines that can set it, ``max_tokens`` the room
    for the answer. ``keep_alive`` is Ollama's (``"5m"``, ``"-1"``), None for the engine's own.
    """

    model: str
    messages: tuple[Message, ...]
    num_ctx: int
    max_tokens: int
    temperature: float = 0.2
    seed: int | None = None
    keep_alive: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """More text. ``thinking`` marks what a reasoning model thinks aloud: never part of an answer."""

    text: str
    thinking: bool = False


@dataclass(frozen=True)
class PromptProgress:
    """The engine works on the prompt: tokens done of tokens in all, where it tells."""

    processed: int
    total: int


@dataclass(frozen=True)
class Completed:
    """The end of a generation, always the last item.

    ``prompt_tokens`` is what the engine really read: less than was sent means that it cut. The
    times are the engine's own where it tells, else 0.
    """

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    generate_seconds: float = 0.0
    cached_tokens: int = 0


GenerationItem = TextDelta | PromptProgress | Completed


@dataclass(frozen=True)
class PullProgress:
    """How far a download is. ``total`` is 0 until known, ``rate`` is bytes a second, 0 until known."""

    model: str
    status: str
    completed: int = 0
    total: int = 0
    rate: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """The seconds that it takes at this rate, None where that is not known."""
        return (self.total - self.completed) / self.rate if self.rate and self.total else None


ReportPull = Callable[[PullProgress], Awaitable[None]]


class Backend(Protocol):
    """One engine.

    Every method may raise ``BackendUnreachable`` (nothing answers) or ``BackendFailed`` (it answered
    with an error or broke off); the others are named. Where a capability is False, its method raises
    ``BackendUnsupported``.
    """

    kind: str
    """``ollama``, ``lmstudio``, ``llama-server``, ``openai`` or ``embedded``."""
    label: str
    """For people: ``Ollama 0.33 at 127.0.0.1:11434``."""
    url: str
    capabilities: Capabilities

    async def check(self) -> None:
        """Return when the engine answers."""

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models that can be loaded."""

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models in memory."""

    async def context_length(self, model: str) -> int:
        """Return the longest context the model supports (or its server's fixed one), 0 if unknown.

        Raises:
            ModelNotFound: the engine has no such model.
        """

    async def slots(self, model: str) -> int:
        """Return how many requests the engine works on at once for the model (at least 1)."""

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:
        """Load the model and return when it is warm.

        Raises:
            ModelNotFound: the engine has no such model.
        """

    async def unload(self, model: str) -> None:
        """Free the model's memory; a model that is not loaded is fine."""

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download the model, resuming where a download broke off.

        Raises:
            DownloadError: it could not be fetched.
            ModelNotFound: the registry has no such model.
        """

    async def count_tokens(self, model: str, messages: tuple[Message, ...], num_ctx: int) -> int | None:
        """Return the prompt's length with the engine's own tokenizer and template, None if it has none.

        An engine that must load the model for it does so with ``num_ctx`` tokens of context.
        """

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """Generate, item by item; the last item is a ``Completed``.

        Closing the iterator (or cancelling the task) drops the connection, which frees the engine.

        Raises:
            ModelNotFound: the engine has no such model.
            PromptTooLong: the prompt does not fit ``num_ctx``; nothing was generated.
        """

    async def uses_gpu(self) -> bool:
        """Return whether the engine computes on GPUs if the machine has any."""

    async def close(self) -> None:
        """Close connections and end child processes."""


@runtime_checkable
class DownloadsOwnModels(Backend, Protocol):
    """An engine that brings its models along and fetches them on first need: the embedded one."""

    def default_model(self) -> str:
        """Return the model that suits this machine, whether its weights are there or not."""

    def has_weights(self, model: str) -> bool:
        """Return whether the model's weights are on disk, whole and verified."""

    async def ensure_model(self, model: str, report: ReportPull) -> None:
        """Return when the weights are there, fetching them if they are not.

        Raises:
            DownloadError: they could not be fetched.
            ModelNotFound: there is no such model.
        """


@runtime_checkable
class DeletesModels(Backend, Protocol):
    """An engine that removes models from the disk."""

    async def delete(self, model: str) -> None:
        """Remove an installed model that is not in memory.

        Raises:
            ModelNotFound: the engine has no such model.
            BackendUnsupported: it is a file of the user's own, which stays.
        """


@runtime_checkable
class ReportsModelFile(Backend, Protocol):
    """An engine that tells what the memory of a model can be computed from."""

    async def model_file(self, model: str) -> ModelFile:
        """Return the model's metadata and size.

        Raises:
            ModelNotFound: the engine has no such model.
        """
