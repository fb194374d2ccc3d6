"""Detects an OpenAI-compatible server's dialect by querying the server rather than by its port."""

from typing import Any

from server.backends.base import Backend
from server.backends.idle import UnloadsWhenIdle
from server.backends.ollama.backend import OllamaBackend
from server.backends.openai.backend import OpenAICompatible
from server.backends.openai.llama_router import LlamaRouter
from server.backends.openai.llama_server import LlamaServer
from server.backends.openai.llama_swap import LlamaSwap
from server.backends.openai.lmstudio import LMStudio
from server.backends.openai.vllm import VLLM
from server.backends.wire import label_of, object_of
from server.config.settings import Settings


async def open_openai(url: str, settings: Settings, api_key: str = "") -> Backend:
    """Return the backend for the server at ``url``, which has answered.

    Ollama supports this protocol too, but gets the backend for its native protocol, because only that one
    can set a context length and refuse a prompt that is too long.

    Raises:
        BackendUnreachable: the address does not answer.
        BackendFailed: another kind of server answers, or the server rejects ``api_key``.
        SettingsError: the address is invalid, or on another machine without permission.
    """
    plain = OpenAICompatible(url, api_key, settings)
    try:
        entries = await plain.entries()
        if label_of((await plain.probe("/api/version")).get("version")):
            return OllamaBackend(url, settings, api_key)
        dialect = await _identify(plain, entries)
    finally:
        await plain.close()
    backend = dialect(url, api_key, settings)
    if backend.capabilities.unload and not backend.capabilities.keep_alive:
        return UnloadsWhenIdle(backend, settings.backend.keep_alive)
    return backend


async def _identify(server: OpenAICompatible, entries: list[dict[str, Any]]) -> type[OpenAICompatible]:
    owners = {label_of(entry.get("owned_by")) for entry in entries}
    for owner, dialect in _BY_OWNER.items():
        if owner in owners:
            return dialect
    if (await server.probe("/lmstudio-greeting")).get("lmstudio") is True:
        has_v1 = isinstance((await server.probe("/api/v1/models")).get("models"), list)
        return LMStudio if has_v1 else OpenAICompatible  # versions before 0.4 lack the management routes
    properties = await server.probe("/props")
    if properties.get("role") == "router" or any(object_of(entry.get("status")) for entry in entries):
        return LlamaRouter
    return LlamaServer if "llamacpp" in owners or "total_slots" in properties else OpenAICompatible


_BY_OWNER: dict[str, type[OpenAICompatible]] = {"llama-swap": LlamaSwap, "vllm": VLLM}
"""Dialects by the ``owned_by`` field in ``/v1/models``. "llamacpp" can be a single server or a router."""
