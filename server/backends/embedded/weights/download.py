"""Downloads one file, resuming it, following redirects, and verifying its size and checksum."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

import httpx

from server.backends.embedded.weights.hub import HubFile, credentials, unreachable
from server.backends.embedded.weights.references import endpoint
from server.common.aio import run_thread_uncancellable
from server.common.errors import ChecksumMismatch, DownloadError

TRIES = 5
"""Maximum number of consecutive tries that bring no new bytes."""
PAUSE = 1.0
"""Delay before the next try (seconds). It doubles each time."""
_GGUF = b"GGUF"

Advance = Callable[[int], Awaitable[None]]
"""Called with the number of bytes downloaded so far."""


async def download(client: httpx.AsyncClient, file: HubFile, target: Path, advance: Advance) -> None:
    """Download ``file`` to ``target``, keeping any bytes that an earlier try left in ``target.part``.

    Raises:
        NoNetwork: the server cannot be reached, or repeatedly closed the connection.
        ChecksumMismatch: the file is not the one the hub lists. It was removed.
        DownloadError: the server refused the request.
        OSError: the disk failed.
    """
    partial = target.with_name(f"{target.name}.part")
    if not file.size or _size(partial) != file.size:
        await _fetch(client, file, partial, advance)
    await asyncio.to_thread(_verify, partial, file)
    await asyncio.to_thread(_put_in_place, partial, target)


async def _fetch(client: httpx.AsyncClient, file: HubFile, partial: Path, advance: Advance) -> None:
    tries, pause = TRIES, PAUSE
    while True:
        before = _size(partial)
        try:
            await _fetch_rest(client, file, partial, advance)
            return
        except httpx.HTTPError as error:
            if _size(partial) > before:
                tries, pause = TRIES, PAUSE
            tries -= 1
            if not tries:
                raise unreachable(file.file_name, error) from None
        await asyncio.sleep(pause)
        pause *= 2


async def _fetch_rest(client: httpx.AsyncClient, file: HubFile, partial: Path, advance: Advance) -> None:
    start = _size(partial)
    if file.size and start > file.size:
        await asyncio.to_thread(partial.unlink)
        start = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    if file.url.startswith(f"{endpoint()}/"):
        headers |= credentials()  # httpx drops these headers when it is redirected to another host
    async with client.stream("GET", file.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
            raise httpx.RemoteProtocolError("the server does not offer the rest of the file")
        if response.is_server_error:
            raise httpx.RemoteProtocolError(f"the server answered {response.status_code}")
        if response.is_error:
            raise _refused(file, response.status_code)
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            start = 0
        with await asyncio.to_thread(_open_at, partial, start) as target:
            async for chunk in response.aiter_raw():
                await run_thread_uncancellable(_write, target, chunk)
                start += len(chunk)
                await advance(start)
    if file.size and start < file.size:
        raise httpx.RemoteProtocolError("the server closed the connection")


def _open_at(partial: Path, start: int) -> BinaryIO:
    target = partial.open("r+b" if partial.exists() else "w+b")
    target.truncate(start)
    target.seek(start)
    return target


def _write(target: BinaryIO, chunk: bytes) -> None:
    target.write(chunk)
    target.flush()


def _verify(partial: Path, file: HubFile) -> None:
    """Check the file's size and checksum, or its size and format if no checksum is listed.

    Raises:
        ChecksumMismatch: this is a different file. It was removed.
    """
    with partial.open("rb") as content:
        begins = content.read(len(_GGUF))
        content.seek(0)
        digest = hashlib.file_digest(content, "sha256").hexdigest() if file.sha256 else ""
    if digest == file.sha256 and begins == _GGUF and file.size in (0, _size(partial)):
        return
    partial.unlink()
    raise ChecksumMismatch(
        f"The file downloaded for {file.file_name} is not the expected file and was removed.",
        "Try again. If this happens again, do not trust the source, and report it.",
    )


def _put_in_place(partial: Path, target: Path) -> None:
    with partial.open("rb+") as content:
        os.fsync(
            content.fileno()
        )  # otherwise a power failure after the rename could leave a file with a hole
    partial.replace(target)


def _refused(file: HubFile, status: int) -> DownloadError:
    if status in (401, 403):
        return DownloadError(
            f"The server refuses {file.file_name} (status {status}), because it is a gated model.",
            "Accept the model's terms on its Hugging Face page, and set HF_TOKEN to your access token.",
        )
    return DownloadError(f"The server answered {status} for {file.file_name}.", "Check the address.")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
