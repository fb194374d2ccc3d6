"""Downloads, verifies and stores the embedded engine's models in the app's folder.

Files get their final name only once they are complete and verified. A lock file prevents concurrent downloads
of the same model.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from filelock import FileLock, Timeout

from server.backends.base import PullProgress, ReportPull
from server.backends.embedded.catalogue import PinnedModel, pinned_models
from server.backends.embedded.weights.download import download
from server.backends.embedded.weights.hub import HubFile, HubModel, find_on_hub, open_client, unreachable
from server.backends.embedded.weights.references import AtAddress, OnDisk, OnHub, Reference, parse_reference
from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import BadArguments, ChecksumMismatch, DownloadError, ModelNotFound, NoDiskSpace
from server.common.sizes import gigabytes

SPARE_BYTES = 250 * 2**20
"""Disk space required in addition to the model (bytes)."""
LOCK_POLL_SECONDS = 0.5
PLACES = "places.json"
"""Name of the JSON file that lists the paths to the user's own files and folders."""


@dataclass(frozen=True)
class _Plan:
    """A download: its name in progress reports, its files with their targets, and the text shown while it
    runs.
    """

    name: str
    files: tuple[tuple[HubFile, Path], ...]
    about: str

    @property
    def size(self) -> int:
        return sum(file.size for file, _ in self.files)


def weights_path(folder: Path, name: str) -> Path:
    """Return the path to a catalogue model's weights. The file may not exist."""
    return folder / f"{name}.gguf"


async def look_up(name: str) -> HubModel:
    """Return the size, licence and files of the model that ``fetch_weights`` would download, without
    downloading it.

    Raises:
        ModelNotFound: the model does not exist.
        DownloadError: the hub refused the request or cannot be reached.
        BadArguments: ``name`` is a path.
    """
    reference = _reference(name)
    if isinstance(reference, OnDisk):
        raise BadArguments(f"{name} is a path, so no download is needed.", "Use the path directly.")
    async with open_client() as client:
        if isinstance(reference, OnHub):
            return await find_on_hub(client, reference)
        if isinstance(reference, AtAddress):
            return HubModel(reference.url, (await _at_address(client, reference),), "")
        pinned = pinned_models()[name]
        return HubModel(name, (HubFile(name, pinned.size, pinned.sha256, ""),), pinned.license)


async def fetch_weights(folder: Path, name: str, report: ReportPull) -> Path:
    """Return the path to the model's verified weights (the first part if they are split), downloading them
    if necessary. A path of the user's own is recorded and used in place.

    Raises:
        ModelNotFound: the model is not in the catalogue, on the hub or on disk.
        NoNetwork: the model's source cannot be reached.
        NoDiskSpace: there is not enough disk space. Nothing was downloaded.
        ChecksumMismatch: the downloaded file is not the one listed. It was removed.
        DownloadError: the source refused the request, or the disk failed.
    """
    reference = _reference(name)
    try:
        await asyncio.to_thread(make_folder, folder)
        if isinstance(reference, OnDisk):
            return await asyncio.to_thread(_record_place, folder, reference.path)
        if reference is None and (path := weights_path(folder, name)).exists():
            return path
        async with open_client() as client:
            return await _fetch(client, await _plan(client, folder, name, reference), report)
    except httpx.HTTPError as error:
        raise unreachable(name, error) from None
    except OSError as error:
        raise DownloadError(
            f"{name} cannot be stored in {folder}: {error.strerror or error}.",
            "Make the folder writable or free some space, then try again.",
        ) from error


def places_in(folder: Path) -> list[Path]:
    """Return the recorded paths to the user's own files and folders."""
    try:
        listed = json.loads((folder / PLACES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [Path(each) for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def remove_place(folder: Path, place: Path) -> None:
    """Remove one of the user's own files or folders from the recorded paths. The files stay.

    Raises:
        DownloadError: the list cannot be written.
    """
    kept = [str(each) for each in places_in(folder) if each != place]
    try:
        replace_file(folder / PLACES, json.dumps(kept, indent=1).encode())
    except OSError as error:
        raise DownloadError(
            f"{folder / PLACES} cannot be written: {error.strerror or error}.",
            "Make the folder writable, then try again.",
        ) from error


def _reference(name: str) -> Reference | None:
    if name in pinned_models():
        return None
    reference = parse_reference(name)
    if reference is None:
        raise ModelNotFound(
            f"{name!r} is not a model that can be added.",
            "Give a GGUF model on Hugging Face (hf.co/org/repo:Q4_K_M), the path of a GGUF file or of a "
            f"folder with such files, or {' or '.join(pinned_models())}.",
        )
    return reference


async def _plan(
    client: httpx.AsyncClient, folder: Path, name: str, reference: OnHub | AtAddress | None
) -> _Plan:
    if reference is None:
        file = await _pinned_file(client, name, pinned_models()[name])
        about = HubModel(name, (file,), pinned_models()[name].license).summary
        return _Plan(name, ((file, weights_path(folder, name)),), f"downloading ({about})")
    if isinstance(reference, AtAddress):
        file = await _at_address(client, reference)
        place = folder / (urlsplit(reference.url).hostname or "address")
        return _Plan(name, ((file, place / file.file_name),), "downloading (licence: not stated)")
    model = await find_on_hub(client, reference)
    files = tuple((each, folder / reference.repo / each.file_name) for each in model.files)
    return _Plan(name, files, f"downloading ({model.summary})")


async def _pinned_file(client: httpx.AsyncClient, name: str, pinned: PinnedModel) -> HubFile:
    """Return the catalogue's file with its pinned checksum, after checking that the hub has the same file."""
    model = await find_on_hub(client, OnHub(pinned.official.repo, pinned.official.file))
    [file] = model.files
    if file.sha256 and file.sha256 != pinned.sha256:
        raise ChecksumMismatch(
            f"The hub now has a different file for {name}, so it was not downloaded.",
            "Update the app, or name the model by its reference (hf.co/org/repo:quantization).",
        )
    return HubFile(file.path, pinned.size, pinned.sha256, file.url)


async def _at_address(client: httpx.AsyncClient, reference: AtAddress) -> HubFile:
    file_name = unquote(urlsplit(reference.url).path.rpartition("/")[2])
    if not file_name.lower().endswith(".gguf") or Path(file_name).name != file_name:
        raise ModelNotFound(
            f"{reference.url} is not the address of a GGUF file.", "Its name must end in .gguf."
        )
    try:
        head = await client.head(reference.url)
    except httpx.HTTPError as error:
        raise unreachable(reference.url, error) from None
    if head.status_code in (404, 410):
        raise ModelNotFound(f"No file was found at {reference.url}.", "Check the address.")
    length = head.headers.get("content-length", "")
    return HubFile(file_name, int(length) if head.is_success and length.isdecimal() else 0, "", reference.url)


async def _fetch(client: httpx.AsyncClient, plan: _Plan, report: ReportPull) -> Path:
    first = plan.files[0][1]
    await asyncio.to_thread(make_folder, first.parent)
    async with _locked(first, plan, report):
        missing = [(file, target) for file, target in plan.files if not target.exists()]
        await asyncio.to_thread(_require_space, plan.name, missing)
        done = plan.size - sum(file.size for file, _ in missing)
        await report(PullProgress(plan.name, plan.about, done, plan.size))
        for file, target in missing:

            async def advance(arrived: int, before: int = done) -> None:
                await report(PullProgress(plan.name, plan.about, before + arrived, plan.size))

            await download(client, file, target, advance)
            done += file.size
        await report(PullProgress(plan.name, "verified", plan.size, plan.size))
    return first


def _require_space(name: str, missing: list[tuple[HubFile, Path]]) -> None:
    if not missing:
        return
    folder = missing[0][1].parent
    arrived = sum(each.stat().st_size for _, target in missing for each in folder.glob(f"{target.name}.part"))
    need = sum(file.size for file, _ in missing) - arrived + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < need:
        raise NoDiskSpace(
            f"{name} needs {gigabytes(need)} on the disk of {folder}; {gigabytes(free)} are free.",
            "Free some space, then try again.",
        )


def _record_place(folder: Path, place: Path) -> Path:
    """Record one of the user's files or folders and return the first model in it.

    Raises:
        ModelNotFound: the folder contains no GGUF file.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.gguf"))
    if not files or files[0].suffix.lower() != ".gguf":
        raise ModelNotFound(
            f"No GGUF file was found at {place}.", "Name a GGUF file, or a folder with GGUF files."
        )
    places = [*places_in(folder)]
    if place not in places:
        text = json.dumps([str(each) for each in (*places, place)], indent=1)
        replace_file(folder / PLACES, text.encode())
    return files[0]


@asynccontextmanager
async def _locked(path: Path, plan: _Plan, report: ReportPull) -> AsyncIterator[None]:
    """Hold the lock file, waiting if another process has it. The lock is released if its process exits."""
    lock = FileLock(path.with_suffix(".lock"), thread_local=False)
    while True:
        try:
            lock.acquire(blocking=False)
            break
        except Timeout:
            arrived = min(await asyncio.to_thread(_arrived, plan), plan.size)
            await report(PullProgress(plan.name, "another process is downloading it", arrived, plan.size))
            await asyncio.sleep(LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _arrived(plan: _Plan) -> int:
    files = (each for _, target in plan.files for each in target.parent.glob(f"{target.name}*"))
    return sum(each.stat().st_size for each in files)
