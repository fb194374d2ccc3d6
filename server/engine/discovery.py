"""Discovers the engine: the configured one, Ollama, LM Studio, llama-server, or else the embedded engine.

All addresses are tried at the same time. Of those that answer, the first in this order is used.
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from server.backends.address import engine_url, ollama_url
from server.backends.base import Backend
from server.backends.dialects import open_openai
from server.backends.embedded.backend import EmbeddedBackend
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import BackendUnreachable, EngineBusy, SettingsError, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings

USUAL_URLS = ("http://127.0.0.1:1234", "http://127.0.0.1:8080")
"""Default addresses of LM Studio and llama-server."""

_Opening = Coroutine[Any, Any, Backend]


@dataclass(frozen=True)
class Discovered:
    """The engine to use. ``notice`` says why it is not the one the user expects, and is empty if it is."""

    backend: Backend
    notice: str = ""


async def discover(settings: Settings, folders: Folders, events: EventBus) -> Discovered:
    """Return the engine to use: a server that answered, or the embedded engine, which starts on first use.

    If a ``kind`` is configured, only that kind is tried. With ``auto``, a configured ``url`` is tried first.
    If a server has no models and the embedded engine has weights on disk, the embedded engine is preferred.

    Raises:
        BackendUnreachable: no engine answers.
        EngineBusy: the configured engine is loading a model.
        BackendFailed: the only possible engine answers with an error.
        SettingsError: the configured address is invalid, or on another machine without permission.
    """
    if settings.backend.kind == "embedded":
        return Discovered(EmbeddedBackend(settings, folders, events))
    try:
        server, errors = await _search(settings, USUAL_URLS)
    except (SettingsError, EngineBusy):
        raise
    except TokenSaverError as error:
        if settings.backend.kind != "auto":
            raise
        notice = _not_in_use(error.cause) if settings.backend.url else ""
        return Discovered(EmbeddedBackend(settings, folders, events), notice)
    if settings.backend.kind != "auto":
        return Discovered(server)
    if settings.backend.url:
        configured = server.url == engine_url(settings.backend.url)
        return Discovered(server, "" if configured else _not_in_use(errors[0].cause))
    if await has_models(server):
        return Discovered(server)
    return await _with_weights(server, EmbeddedBackend(settings, folders, events))


async def has_models(server: Backend) -> bool:
    """Return whether a server has a model that generates text; True if the server does not say."""
    try:
        return any(each.generates for each in await server.installed())
    except TokenSaverError:
        return True


async def _with_weights(server: Backend, embedded: EmbeddedBackend) -> Discovered:
    """Return the embedded engine if it has weights, otherwise the server, which has no models."""
    if not embedded.has_weights(embedded.default_model()):
        await embedded.close()
        return Discovered(server)
    await server.close()
    return Discovered(embedded, f"{server.label} is not used because it has no model.")


def _not_in_use(cause: str) -> str:
    return f"The configured engine is not used: {cause}"


async def find_server(settings: Settings, usual_urls: Sequence[str] | None = None) -> Backend:
    """Return the first server that answers: Ollama, then ``usual_urls`` (default: ``USUAL_URLS``) in order.

    Raises:
        BackendUnreachable: no engine answers.
        EngineBusy: the configured engine is loading a model.
        BackendFailed: the only possible engine answers with an error.
        SettingsError: the configured address is invalid, or on another machine without permission.
    """
    server, _ = await _search(settings, USUAL_URLS if usual_urls is None else usual_urls)
    return server


async def _search(settings: Settings, usual_urls: Sequence[str]) -> tuple[Backend, list[TokenSaverError]]:
    """Return the first server that answers, and the errors from the servers before it."""
    tasks = [asyncio.create_task(opening) for opening in _openings(settings, usual_urls)]
    errors: list[TokenSaverError] = []
    configured = _configured_openings(settings)
    try:
        while tasks:
            try:
                return await tasks.pop(0), errors
            except SettingsError:
                raise
            except TokenSaverError as error:
                errors.append(error)
            busy = [error for error in errors[:configured] if isinstance(error, EngineBusy)]
            if busy and len(errors) == configured:
                raise busy[0]
    finally:
        await _close_others(tasks)
    if len(errors) == 1:
        raise errors[0]
    raise BackendUnreachable(
        "No engine answers: " + " ".join(error.cause for error in errors),
        "Start Ollama or LM Studio, or set [backend] url.",
    )


def _configured_openings(settings: Settings) -> int:
    """Return how many attempts are for the configured address. They come first."""
    if not settings.backend.url:
        return 0
    return 2 if settings.backend.kind == "auto" else 1


def _openings(settings: Settings, usual_urls: Sequence[str]) -> list[_Opening]:
    """Return the attempts in order of preference.

    The API key is sent only to the configured address, never to a program at a default address.
    """
    kind, url, key = settings.backend.kind, settings.backend.url, settings.backend.api_key
    openings: list[_Opening] = []
    if url:
        if kind != "openai":
            openings.append(_open_ollama(url, settings, key))
        if kind != "ollama":
            openings.append(open_openai(url, settings, key))
    if not url or kind == "auto":
        if kind != "openai":
            openings.append(_open_usual_ollama(settings))
        if kind != "ollama":
            openings += [open_openai(each, settings) for each in usual_urls]
    return openings


async def _open_ollama(url: str, settings: Settings, api_key: str = "") -> Backend:
    backend = OllamaBackend(url, settings, api_key)
    try:
        await backend.check()
    except BaseException:
        await backend.close()
        raise
    return backend


async def _open_usual_ollama(settings: Settings) -> Backend:
    """Try ``OLLAMA_HOST`` or Ollama's default address."""
    try:
        return await _open_ollama(ollama_url(os.environ.get("OLLAMA_HOST", "")), settings)
    except SettingsError as error:  # the variable is not a setting of this app, so other addresses are tried
        raise BackendUnreachable(f"OLLAMA_HOST: {error.cause}", error.next_step) from None


async def _close_others(tasks: list[asyncio.Task[Backend]]) -> None:
    """Cancel the remaining attempts and close any backends they opened."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            await result.close()
