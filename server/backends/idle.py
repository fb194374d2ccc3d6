"""Unloads idle models, for engines that can unload but lack ``keep_alive``."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from server.backends.base import (
    Backend,
    Capabilities,
    GenerationItem,
    GenerationRequest,
    InstalledModel,
    LoadedModel,
    Message,
    ReportPull,
)
from server.backends.keep_alive import parse_keep_alive
from server.common.aio import cancel_and_wait
from server.common.errors import BackendError


@dataclass
class _Stay:
    """A model in use: seconds to keep it loaded afterwards (None: forever), and its current users."""

    seconds: float | None
    users: int = 0
    since: float = 0.0

    @property
    def expires_at(self) -> float | None:
        """Expiry time in seconds since the epoch; None while the model is in use or if it never expires."""
        return None if self.seconds is None or self.users else self.since + self.seconds


class UnloadsWhenIdle:
    """An engine that unloads the app's models ``keep_alive`` after their last use.

    A model already loaded before its first use here belongs to another program and is never unloaded.

    Args:
        backend: the engine, which can unload models and list those loaded.
        keep_alive: default for loads and requests that don't specify a value.
    """

    def __init__(self, backend: Backend, keep_alive: str) -> None:
        self.backend = backend
        self._keep_alive = keep_alive
        self._stays: dict[str, _Stay] = {}
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self.kind = backend.kind
        self.label = backend.label
        self.url = backend.url
        self.capabilities: Capabilities = replace(backend.capabilities, keep_alive=True)

    async def check(self) -> None:
        """See ``Backend``."""
        await self.backend.check()
        self.label = self.backend.label

    async def installed(self) -> tuple[InstalledModel, ...]:
        """See ``Backend``."""
        return await self.backend.installed()

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models in memory. Those loaded here have expiry times."""
        loaded = await self.backend.loaded()
        names = {each.name for each in loaded}
        for gone in [name for name, stay in self._stays.items() if name not in names and not stay.users]:
            del self._stays[gone]
        return tuple(replace(each, expires_at=self._expires_at(each.name)) for each in loaded)

    async def context_length(self, model: str) -> int:
        """See ``Backend``."""
        return await self.backend.context_length(model)

    async def slots(self, model: str) -> int:
        """See ``Backend``."""
        return await self.backend.slots(model)

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:
        """Load the model and keep it loaded for ``keep_alive``."""
        stay = await self._stay(model, keep_alive)
        try:
            await self.backend.load(model, num_ctx)
        finally:
            self._end_use(stay)

    async def unload(self, model: str) -> None:
        """See ``Backend``."""
        await self.backend.unload(model)
        self._stays.pop(model, None)

    async def pull(self, model: str, report: ReportPull) -> None:
        """See ``Backend``."""
        await self.backend.pull(model, report)

    async def count_tokens(self, model: str, messages: tuple[Message, ...], num_ctx: int) -> int | None:
        """See ``Backend``."""
        return await self.backend.count_tokens(model, messages, num_ctx)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[GenerationItem, None]:
        """See ``Backend``."""
        stay = await self._stay(request.model, request.keep_alive)
        try:
            async with aclosing(self.backend.generate(request)) as items:
                async for item in items:
                    yield item
        finally:
            self._end_use(stay)

    async def uses_gpu(self) -> bool:
        """See ``Backend``."""
        return await self.backend.uses_gpu()

    async def close(self) -> None:
        """Stop the expiry task and close the engine's connections. Models stay loaded."""
        await cancel_and_wait(self._watch)
        await self.backend.close()

    async def _stay(self, model: str, keep_alive: str | None) -> _Stay | None:
        """Begin using the model. Return None if the model belongs to another program."""
        seconds = parse_keep_alive(keep_alive or self._keep_alive)
        stay = self._stays.get(model)
        if stay is not None and keep_alive is None:
            seconds = stay.seconds
        if stay is None:
            if any(each.name == model for each in await self.backend.loaded()):
                return None
            stay = self._stays.setdefault(model, _Stay(seconds))
        stay.seconds = seconds
        stay.users += 1
        return stay

    def _end_use(self, stay: _Stay | None) -> None:
        if stay is None:
            return
        stay.users -= 1
        stay.since = time.time()
        self._changed.set()
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._unload_in_time())

    def _expires_at(self, model: str) -> float | None:
        stay = self._stays.get(model)
        return stay.expires_at if stay is not None else None

    async def _unload_in_time(self) -> None:
        """Unload models as they expire, until none are left that will."""
        while ends := [at for stay in self._stays.values() if (at := stay.expires_at) is not None]:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(ends) - time.time())):
                    await self._changed.wait()
            now = time.time()
            due = [name for name in self._stays if (at := self._expires_at(name)) is not None and at <= now]
            for name in due:
                with suppress(BackendError):  # the model is gone, or the whole engine
                    await self.backend.unload(name)
                if (
                    name in self._stays and not self._stays[name].users
                ):  # a use in the meantime has loaded it again
                    del self._stays[name]
