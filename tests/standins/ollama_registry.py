"""Stand-in for Ollama's registry: its models, and failures of a pull."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.standins.serving import BreakOff


@dataclass
class Registered:
    """A model in the registry: the size of its layers, and the failures of its pull."""

    layers: tuple[int, ...] = (1000,)
    delay: float = 0.0
    error: str = ""
    breaks_at: int | None = None
    """Bytes after which the stream breaks off, once."""
    dies: bool = False
    """Whether every stream breaks off after its first new bytes."""
    have: dict[int, int] = field(default_factory=dict)
    held: threading.Event | None = None
    """Holds back the last bytes of each layer until it is set."""


async def pull_lines(name: str, registered: Registered | None) -> AsyncIterator[dict[str, Any]]:
    """Yield the lines of a pull; the bytes of each layer so far are stored in ``registered.have``.

    Raises:
        BreakOff: the stream breaks off here.
    """
    yield {"status": "pulling manifest"}
    if registered is None or registered.error:
        yield {"error": registered.error if registered else _offline(name)}
        return
    for number, size in enumerate(registered.layers):
        digest = f"sha256:{number:064x}"
        before = registered.have.get(number, 0)
        step = max(1, size // 10)
        for done in range(registered.have.get(number, 0), size + 1, step):
            await asyncio.sleep(registered.delay)
            while registered.held is not None and done + step > size and not registered.held.is_set():
                await asyncio.sleep(0.02)
            registered.have[number] = done
            yield {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size, "completed": done}
            if registered.dies and done > before:
                raise BreakOff
            if registered.breaks_at is not None and sum(registered.have.values()) >= registered.breaks_at:
                registered.breaks_at = None
                raise BreakOff
    for status in ("verifying sha256 digest", "writing manifest", "success"):
        yield {"status": status}


def _offline(name: str) -> str:
    model, _, tag = name.partition(":")
    manifest = f"https://registry.ollama.ai/v2/library/{model}/manifests/{tag or 'latest'}"
    return (
        f'pull model manifest: Get "{manifest}": dial tcp: lookup registry.ollama.ai '
        "on 10.255.255.53:53: no such host"
    )
