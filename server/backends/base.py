"""The protocol that every engine implements, and the types it uses.

Sizes are in bytes, durations in seconds, and timestamps in seconds since the epoch.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do besides generating, so that tools and pages don't have to try and fail.

    Facts about an engine are flags here. Methods that only some engines have are in the protocols below.
    """

    load: bool = False
    unload: bool = False
    list_loaded: bool = False
    pull: bool = False
    keep_alive: bool = False
    set_num_ctx: bool = False
    count_tokens: bool = False
    tells_slots: bool = True
    """Whether the engine reports ``slots``. If not, the value is a starting point for measurement."""
    delete: bool = False
    reports_vram: bool = False
    """Whether the engine reports ``LoadedModel.size_vram``, in which case 0 means no GPU memory."""
    run_by_app: bool = False
    """Whether the engine runs as a child process of the app. If so, the app restarts it, publishes its loads,
    and calculates its memory use.
    """


@dataclass(frozen=True)
class EngineDevice:
    """A GPU as the engine sees it. ``total`` and ``free`` are bytes of GPU memory."""

    name: str
    description: str
    total: int
    free: int


@dataclass(frozen=True)
class InstalledModel:
    """A model that the engine can load. Unknown sizes are 0, and unknown strings are empty.

    ``generates`` is False for embedding and ranking models. ``license`` is the one that a model file names.
    ``place`` is the folder of files that belong to
    the user or another program, so the app does not delete them; empty if the app or the engine owns them.
    ``listed_as`` is the path of a file or folder that the user added and can take off the list.
    """

    name: str
    size: int = 0
    parameters: str = ""
    quantization: str = ""
    family: str = ""
    context_length: int = 0
    generates: bool = True
    place: str = ""
    license: str = ""
    listed_as: str = ""


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory.

    ``size`` is the model's total memory, ``size_vram`` the part on GPUs. ``expires_at`` is None if the model
    stays loaded until it is explicitly unloaded. ``estimated`` is what ``size`` was estimated to be before
    the load, or 0 if there was no estimate.
    """

    name: str
    size: int = 0
    size_vram: int = 0
    num_ctx: int = 0
    slots: int = 1
    expires_at: float | None = None
    estimated: int = 0


N_UBATCH = 512
"""llama.cpp's default number of prompt tokens to process at a time."""


@dataclass(frozen=True)
class ModelFile:
    """The data needed to calculate a model's memory use.

    Attributes:
        metadata: keys and values of the GGUF header.
        weights: size of the file in bytes; 0 if unknown.
        kv_type: data type of the KV cache.
        on_gpu: whether the engine uses a GPU at all.
        overhead: memory that the engine's process uses in addition to the model, in bytes.
        n_ubatch: number of prompt tokens the engine processes at a time.
    """

    metadata: Mapping[str, Any]
    weights: int
    kv_type: str = "f16"
    on_gpu: bool = True
    overhead: int = 0
    n_ubatch: int = N_UBATCH


@dataclass(frozen=True)
class Message:
    """One message in a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class GenerationRequest:
    """A generation request. Thinking is always off, and prompts are never truncated.

    ``num_ctx`` is the context length in tokens, for engines that can set it; ``max_tokens`` limits the
    answer. ``keep_alive`` uses Ollama's format (``"5m"``, ``"-1"``); None means the engine's default.
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
    """A piece of text. ``thinking`` marks a reasoning model's thoughts, which are not part of the answer."""

    text: str
    thinking: bool = False


@dataclass(frozen=True)
class PromptProgress:
    """The engine's progress through the prompt, in tokens. Only some engines report it."""

    processed: int
    total: int


@dataclass(frozen=True)
class Completed:
    """The end of a generation; always the last item.

    ``prompt_tokens`` is the number of tokens the engine read. If it is smaller than the number sent, the
    engine truncated the prompt. Times are as reported by the engine, or 0 if not reported.
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
    """Progress of a download. ``total`` and ``rate`` (bytes per second) are 0 until known."""

    model: str
    status: str
    completed: int = 0
    total: int = 0
    rate: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds remaining at the current rate; None if unknown."""
        return (self.total - self.completed) / self.rate if self.rate and self.total else None


ReportPull = Callable[[PullProgress], Awaitable[None]]


class Backend(Protocol):
    """An engine that runs models.

    Every method can raise ``BackendUnreachable`` (the address does not answer) or ``BackendFailed`` (the
    engine answered with an error or closed the connection). Any other errors are listed with the method. If
    a capability is False, its method raises ``BackendUnsupported``.
    """

    kind: str
    """``ollama``, ``lmstudio``, ``llama-server``, ``openai`` or ``embedded``."""
    label: str
    """Display name, such as ``Ollama 0.33 at 127.0.0.1:11434``."""
    url: str
    capabilities: Capabilities

    async def check(self) -> None:
        """Check that the engine answers."""

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models that can be loaded."""

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models in memory."""

    async def context_length(self, model: str) -> int:
        """Return the longest context the model supports, or its server's fixed context; 0 if unknown.

        Raises:
            ModelNotFound: the engine does not have this model.
        """

    async def slots(self, model: str) -> int:
        """Return how many requests the engine processes in parallel for this model (at least 1)."""

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:
        """Load the model and return once it is ready.

        Raises:
            ModelNotFound: the engine has no such model.
        """

    async def unload(self, model: str) -> None:
        """Free the model's memory. This is a no-op if the model is not loaded."""

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download the model, resuming an interrupted download.

        Raises:
            DownloadError: the model could not be downloaded.
            ModelNotFound: the registry has no such model.
        """

    async def count_tokens(self, model: str, messages: tuple[Message, ...], num_ctx: int) -> int | None:
        """Return the prompt's length in tokens, using the engine's tokenizer and template; None if the
        engine cannot count.

        If the engine has to load the model first, it does so with a context of ``num_ctx`` tokens.
        """

    def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """Generate an answer, item by item. The last item is a ``Completed``.

        Closing the iterator (or cancelling the task) closes the connection and frees the engine.

        Raises:
            ModelNotFound: the engine does not have this model.
            PromptTooLong: the prompt does not fit in ``num_ctx``. Nothing was generated.
        """

    async def uses_gpu(self) -> bool:
        """Return whether the engine uses the machine's GPU, if there is one."""

    async def close(self) -> None:
        """Close connections and stop child processes."""


@runtime_checkable
class DownloadsOwnModels(Backend, Protocol):
    """An engine with its own catalogue of models to download on first use: the embedded engine."""

    def default_model(self) -> str:
        """Return the default model for this machine, even if its weights are not on disk."""

    def has_weights(self, model: str) -> bool:
        """Return whether the model's weights are on disk, complete and verified."""

    def local_name(self, model: str) -> str:
        """Return the installed model's name for a reference such as ``hf.co/org/repo:Q4_K_M``. Other names
        are returned unchanged.
        """

    async def look_up(self, model: str) -> str:
        """Return the size and licence of the model that ``pull`` would download, as text; empty if the model
        is already on disk.

        Raises:
            DownloadError: the model's source cannot be reached, or refuses.
            ModelNotFound: the model does not exist.
        """

    async def ensure_model(self, model: str, report: ReportPull) -> None:
        """Make sure that the weights are on disk, downloading them if necessary.

        Raises:
            DownloadError: the weights could not be downloaded.
            ModelNotFound: the model does not exist.
        """


@runtime_checkable
class ReportsDevices(Backend, Protocol):
    """An engine that reports which GPUs it uses."""

    known_devices: tuple[EngineDevice, ...] | None
    """The GPUs; empty if the engine runs on the CPU, None if it has not been asked yet."""

    @property
    def rejected_builds(self) -> tuple[str, ...]:
        """Builds that the engine found but cannot use, and why; one sentence each, without a full stop."""

    async def devices(self) -> tuple[EngineDevice, ...]:
        """Query the engine's GPUs and return them."""


@runtime_checkable
class DeletesModels(Backend, Protocol):
    """An engine that can delete models from disk."""

    async def delete(self, model: str) -> None:
        """Delete an installed model that is not loaded.

        Raises:
            ModelNotFound: the engine has no such model.
            BackendUnsupported: the model is one of the user's own files, which are never deleted.
        """


@runtime_checkable
class ListsPlaces(Backend, Protocol):
    """An engine that lists models in files and folders that the user added (``InstalledModel.listed_as``)."""

    async def stop_listing(self, place: str) -> None:
        """Take a path off the list. The files stay.

        Raises:
            DownloadError: the list cannot be written.
        """


@runtime_checkable
class ReportsModelFile(Backend, Protocol):
    """An engine that provides the data needed to calculate a model's memory use."""

    async def model_file(self, model: str) -> ModelFile:
        """Return the model's metadata and size.

        Raises:
            ModelNotFound: the engine has no such model.
        """
