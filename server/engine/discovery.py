"""Discovery of the engine: the configured one, Ollama, LM Studio or llama-server, or else the embedded one.

All addresses are tried at once; the first in this order that answers is used.
"""

import asyncio
import os
from collections.abc import Coroutine, Sequence
from typing import Any

from server.backends.address import ollama_url
from server.backends.base import Backend
from server.backends.dialects import open_openai
from server.backends.embedded.backend import EmbeddedBackend
from server.backends.ollama.backend import OllamaBackend
from server.common.errors import BackendUnreachable, SettingsError, TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.settings import Settings

USUAL_URLS = ("http://127.0.0.1:1234", "http://127.0.0.1:8080")
"""Default addresses of LM Studio and llama-server."""

_Opening = Coroutine[Any, Any, Backend]


async def discover(settings: Settings, folders: Folders, events: EventBus) -> Backend:
    """Return the engine to use. A server has answered; the embedded engine starts on first use.

    A configured ``kind`` is the only one tried; with ``auto``, a configured ``url`` is tried first.

    Raises:
        BackendUnreachable: no engine answers.
        BackendFailed: the only possible engine answers with an error.
        SettingsError: the configured address is invalid, or on another machine without permission.
    """
    if settings.backend.kind == "embedded":
        return EmbeddedBackend(settings, folders, events)
    try:
        return await find_server(settings)
    except SettingsError:
        raise
    except TokenSaverError:
        if settings.backend.kind != "auto":
            raise
        return EmbeddedBackend(settings, folders, events)


async def find_server(settings: Settings, usual_urls: Sequence[str] | None = None) -> Backend:
    """Return the first server that answers: Ollama, then ``usual_urls`` (default: ``USUAL_URLS``) in order.

    Raises:
        BackendUnreachable: no engine answers.
        BackendFailed: the only possible engine answers with an error.
        SettingsError: the configured address is invalid, or on another machine without permission.
    """
    urls = USUAL_URLS if usual_urls is None else usual_urls
    tasks = [asyncio.create_task(opening) for opening in _openings(settings, urls)]
    errors: list[TokenSaverError] = []
    try:
        while tasks:
            try:
                return await tasks.pop(0)
            except SettingsError:
                raise
            except TokenSaverError as error:
                errors.append(error)
    finally:
        await _close_others(tasks)
    if len(errors) == 1:
        raise errors[0]
    raise BackendUnreachable(
        "No engine answers: " + " ".join(error.cause for error in errors),
        "Start Ollama or LM Studio, or set [backend] url.",
    )


def _openings(settings: Settings, usual_urls: Sequence[str]) -> list[_Opening]:
    """Return the attempts in order of preference.

    The API key goes to the configured address only, never to whatever listens at a default address.
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
    """Try ``OLLAMA_HOST`` or Ollama's usual address."""
    try:
        return await _open_ollama(ollama_url(os.environ.get("OLLAMA_HOST", "")), settings)
    except SettingsError as error:  # the variable is not a setting of this app, so others are tried
        raise BackendUnreachable(f"OLLAMA_HOST: {error.cause}", error.next_step) from None


async def _close_others(tasks: list[asyncio.Task[Backend]]) -> None:
    """Cancel the remaining attempts and close the backends that they opened."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, BaseException):
            await result.close()
