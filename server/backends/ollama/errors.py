"""Translates Ollama's error messages into the app's own errors.

Ollama has no error codes beyond the HTTP status, so they are distinguished by their message.
"""

import re

from server.backends.connection import EngineConnection, Refused
from server.backends.generation_limits import too_long
from server.backends.wire import tokens_of
from server.common.errors import (
    BadArguments,
    ChecksumMismatch,
    DownloadError,
    ModelNotFound,
    ModelTooLarge,
    NoDiskSpace,
    NoNetwork,
    QueueFull,
    TokenSaverError,
)

_DURATION = re.compile(r"invalid duration|missing unit in duration|unknown unit .* in duration")
_MEMORY = re.compile(
    r"requires more .*memory|insufficient memory|out of memory|cudaMalloc failed|unable to allocate",
    re.IGNORECASE,
)

# Messages from Go's network and file system and from the registry, as they appear in the error line.
_UNKNOWN = re.compile(r"file does not exist|manifest unknown|not found|invalid model name", re.IGNORECASE)
_OFFLINE = re.compile(
    r"no such host|dial tcp|network is unreachable|connection re(?:fused|set)|i/o timeout|TLS handshake|"
    r"max retries exceeded|unexpected EOF|server misbehaving|context deadline exceeded",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left|not enough (?:disk )?space|disk (?:is )?full", re.IGNORECASE)
_CORRUPT = re.compile(r"digest mismatch|checksum|sha256", re.IGNORECASE)


def refusal_error(refusal: Refused, model: str, connection: EngineConnection) -> TokenSaverError:
    """Return the app's error for an HTTP error or an error line (unless the model is unknown)."""
    details = refusal.details
    message = refusal.message.rstrip(".") or f"status {refusal.status}"
    if details.get("type") == "exceed_context_size_error" or "context length" in message:
        return too_long(tokens_of(details.get("n_prompt_tokens")), tokens_of(details.get("n_ctx")))
    if _DURATION.search(message):
        return BadArguments(
            f"Ollama does not accept this keep_alive ({message}).", 'Write "10m", "0", or "-1" for forever.'
        )
    if _MEMORY.search(message):
        return ModelTooLarge(
            f"{model or 'The model'} does not fit in memory: {message}.",
            "Use a smaller model or context, or unload another model.",
        )
    if refusal.status == 503 and "server busy" in message:
        return QueueFull(f"Ollama is busy: {message}.", "Try again in a moment.")
    if refusal.is_busy:
        return connection.busy(refusal)
    return connection.failed(f"answered with an error: {message}")


def pull_error(model: str, message: str) -> TokenSaverError:
    """Return the error for a failed download, based on Ollama's ``message``."""
    cause = f"Ollama could not download {model!r}: {message.rstrip('.') or 'no reason given'}."
    if _FULL.search(message):
        return NoDiskSpace(cause, "Free some space or use a smaller model; the download can be resumed.")
    if _CORRUPT.search(message):
        return ChecksumMismatch(cause, "Pull the model again.")
    if _OFFLINE.search(message):
        return NoNetwork(cause, "Check the network and pull the model again; the download is resumed.")
    if _UNKNOWN.search(message):
        return ModelNotFound(
            f"The Ollama registry has no model {model!r}.", "See the names at https://ollama.com/search."
        )
    return DownloadError(cause, "Pull the model again; the download is resumed.")
