"""The errors that can reach a person or an agent (Claude).

Each error has a stable ``code``, a cause, and a next step for each audience::

    TokenSaverError
    ├── SettingsError            settings_invalid
    ├── WorkspaceError           (files that a task reads or writes)
    │   ├── PathOutsideRoots     path_outside_roots
    │   ├── PathProtected        path_protected
    │   ├── PathNotFound         path_not_found
    │   ├── NotAFile             not_a_file
    │   ├── BinaryFile           binary_file
    │   ├── FileTooLarge         file_too_large
    │   ├── SelectionNotFound    selection_not_found
    │   ├── FileChanged          file_changed
    │   └── WriteFailed          write_failed
    ├── BadArguments             bad_arguments
    ├── WouldLose                would_lose
    ├── NotFound                 not_found
    ├── PolicyError              (the user's rules)
    │   ├── Denied               denied
    │   ├── Limited              limited
    │   └── Paused               paused
    ├── BackendError             (the engine)
    │   ├── BackendUnreachable   backend_unreachable
    │   ├── BackendFailed        backend_failed
    │   ├── BackendUnsupported   backend_unsupported
    │   ├── ModelNotFound        model_not_found
    │   ├── ModelBlocked         model_blocked
    │   ├── ModelTooLarge        model_too_large
    │   ├── PromptTooLong        prompt_too_long
    │   ├── QueueFull            queue_full
    │   ├── EngineBusy           engine_busy
    │   └── EngineChanged        engine_changed
    ├── DownloadError            (fetching a model)
    │   ├── NoNetwork            no_network
    │   ├── NoDiskSpace          no_disk_space
    │   ├── ChecksumMismatch     checksum_mismatch
    │   └── StillDownloading     still_downloading
    ├── ClientFailed             client_failed
    ├── CommitFailed             commit_failed
    ├── UpdateFailed             update_failed
    ├── StoreError               store_failed
    ├── InternalError            internal_error
    └── HubError                 (the app's own process)
        ├── HubUnreachable       hub_unreachable
        ├── PortTaken            port_taken
        └── NotAuthorized        not_authorized

A result that fails its checks is a hand-back rather than an error: see ``offload/values.py``.
"""

from typing import ClassVar


class TokenSaverError(Exception):
    """The base class of all errors that a person or an agent (Claude) may see.

    Args:
        cause: the problem, in one sentence ending with a full stop.
        next_step: the next step for a person, in one sentence ending with a full stop.
        agent_step: the next step for an agent, if it differs from ``next_step``.

    ``str(error)`` is the text shown to a person.
    """

    code: ClassVar[str] = "error"

    def __init__(self, cause: str, next_step: str, agent_step: str | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
        self.agent_step = next_step if agent_step is None else agent_step

    def __str__(self) -> str:
        return self.text(for_agent=False)

    def text(self, *, for_agent: bool) -> str:
        """Return the code, cause and next step for one audience."""
        return f"{self.code}: {self.cause} {self.agent_step if for_agent else self.next_step}".rstrip()


class SettingsError(TokenSaverError):
    """``config.toml`` or a ``TOKEN_SAVER_*`` variable contains an unknown key or an invalid value."""

    code = "settings_invalid"


class WorkspaceError(TokenSaverError):
    """A task is not allowed, or not able, to read or write a file."""

    code = "workspace_error"


class PathOutsideRoots(WorkspaceError):
    """The path, with symbolic links resolved, is outside the project's roots."""

    code = "path_outside_roots"


class PathProtected(WorkspaceError):
    """The app never reads, or never writes, this path: ``.git``, keys, the app's own files."""

    code = "path_protected"


class PathNotFound(WorkspaceError):
    """The path does not exist, or no file matches the pattern."""

    code = "path_not_found"


class NotAFile(WorkspaceError):
    """The path is a directory, a socket or a device."""

    code = "not_a_file"


class BinaryFile(WorkspaceError):
    """The file is not text in an encoding that survives a round trip."""

    code = "binary_file"


class FileTooLarge(WorkspaceError):
    """The file exceeds the size limit ``[offload] max_file_bytes``."""

    code = "file_too_large"


class SelectionNotFound(WorkspaceError):
    """``path::name`` or ``path:10-40`` matches nothing in the file."""

    code = "selection_not_found"


class FileChanged(WorkspaceError):
    """The file has changed since it was read, so it was not overwritten."""

    code = "file_changed"


class WriteFailed(WorkspaceError):
    """The system refused to write the file: no permission, no space, a read-only disk."""

    code = "write_failed"


class BadArguments(TokenSaverError):
    """A tool's arguments contradict each other or are out of range."""

    code = "bad_arguments"


class WouldLose(TokenSaverError):
    """The call would cost more tokens than it saves. The next step suggests the cheaper form."""

    code = "would_lose"


class NotFound(TokenSaverError):
    """No offload, job or setting has this name or id."""

    code = "not_found"


class PolicyError(TokenSaverError):
    """The user's rules forbid the call."""

    code = "policy_error"


class Denied(PolicyError):
    """A rule or the user denied the call."""

    code = "denied"


class Limited(PolicyError):
    """A rate limit has been reached and applies until its window ends."""

    code = "limited"


class Paused(PolicyError):
    """Offloading is paused, either by the user or because another program needs the GPU."""

    code = "paused"


class BackendError(TokenSaverError):
    """The engine could not handle a request."""

    code = "backend_error"


class BackendUnreachable(BackendError):
    """Nothing responds at the engine's address."""

    code = "backend_unreachable"


class BackendFailed(BackendError):
    """The engine responded with an error, closed the connection, or sent an invalid response."""

    code = "backend_failed"


class BackendUnsupported(BackendError):
    """This engine does not support the request (see its ``Capabilities``)."""

    code = "backend_unsupported"


class ModelNotFound(BackendError):
    """The engine has no model with this name."""

    code = "model_not_found"


class ModelBlocked(BackendError):
    """The user has blocked the model."""

    code = "model_blocked"


class ModelTooLarge(BackendError):
    """The model does not fit into the free memory with this context length."""

    code = "model_too_large"


class PromptTooLong(BackendError):
    """The prompt and its answer do not fit into the context length."""

    code = "prompt_too_long"


class QueueFull(BackendError):
    """The engine's queue is full."""

    code = "queue_full"


class EngineBusy(BackendError):
    """The engine, or a gateway in front of it, is loading, restarting or overloaded.

    ``retry_after`` is the delay requested by the engine in seconds; 0 if it requested none.
    """

    code = "engine_busy"

    def __init__(
        self, cause: str, next_step: str, agent_step: str | None = None, *, retry_after: float = 0.0
    ) -> None:
        super().__init__(cause, next_step, agent_step)
        self.retry_after = retry_after


class EngineChanged(BackendError):
    """Another engine took over after the model was chosen, so it must be chosen again."""

    code = "engine_changed"


class DownloadError(TokenSaverError):
    """A model could not be downloaded."""

    code = "download_failed"


class NoNetwork(DownloadError):
    """None of the model's download sources is reachable."""

    code = "no_network"


class NoDiskSpace(DownloadError):
    """The disk does not have enough free space for the model."""

    code = "no_disk_space"


class ChecksumMismatch(DownloadError):
    """The checksum of the downloaded file was wrong, and the file was removed."""

    code = "checksum_mismatch"


class StillDownloading(DownloadError):
    """The model is still being downloaded. The call returned early so that the client does not time out."""

    code = "still_downloading"


class ClientFailed(TokenSaverError):
    """A command of an MCP client failed while the client was being connected."""

    code = "client_failed"


class CommitFailed(TokenSaverError):
    """Nothing was committed, and the index is unchanged."""

    code = "commit_failed"


class UpdateFailed(TokenSaverError):
    """The app could not be updated. The version from before is still installed."""

    code = "update_failed"


class StoreError(TokenSaverError):
    """The history could not be read or written."""

    code = "store_failed"


class InternalError(TokenSaverError):
    """A bug in the app. The log has the details."""

    code = "internal_error"


class HubError(TokenSaverError):
    """The app's own process is not running or not working correctly."""

    code = "hub_error"


class HubUnreachable(HubError):
    """No hub is running, or it does not respond."""

    code = "hub_unreachable"


class PortTaken(HubError):
    """The hub's port is in use by another program."""

    code = "port_taken"


class NotAuthorized(HubError):
    """The token or the login cookie is missing or wrong."""

    code = "not_authorized"
