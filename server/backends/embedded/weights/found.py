"""GGUF files on this machine: the app's own files, the user's folders, and the caches of other programs.

Files in the caches of LM Studio, Ollama, llama.cpp and Hugging Face are used in place. They are never copied
or changed.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

_PART = re.compile(r"-(\d{5})-of-(\d{5})$")
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_MOST_FILES = 2_000
"""Maximum number of files to look at in a folder or cache. Any files beyond that are ignored."""


@dataclass(frozen=True)
class FoundModel:
    """A model: its name, its files (several if it is split), and the program that owns the cache (empty for
    the app's own folder or the user's folders).
    """

    name: str
    files: tuple[Path, ...]
    owner: str = ""

    @property
    def path(self) -> Path:
        """The file to pass to llama.cpp: the only file, or the first part."""
        return self.files[0]

    @property
    def size(self) -> int:
        """Total size of all files in bytes.

        Raises:
            OSError: a file no longer exists.
        """
        return sum(each.stat().st_size for each in self.files)


def find_models(folder: Path, others: Iterable[Path], *, caches: bool) -> tuple[FoundModel, ...]:
    """Return the models in the app's ``folder``, in ``others`` (the user's files and folders), and in the
    caches of other programs.

    If two models have the same name, the later one is prefixed with the name of its folder. A file found
    twice is listed once.
    """
    models: dict[str, FoundModel] = {}
    seen: set[Path] = set()
    for each in _candidates(folder, others, caches=caches):
        real = each.path.resolve()
        if real in seen:
            continue
        seen.add(real)
        name = each.name if each.name not in models else f"{each.path.parent.name}/{each.name}"
        models.setdefault(name, FoundModel(name, each.files, each.owner))
    return tuple(models.values())


def _candidates(folder: Path, others: Iterable[Path], *, caches: bool) -> Iterator[FoundModel]:
    yield from _in_folder(folder)
    for place in others:
        yield from _in_folder(place)
    if not caches:
        return
    yield from _owned("LM Studio", (model for place in _lmstudio_folders() for model in _in_folder(place)))
    yield from _owned("Ollama", _in_ollama(_ollama_folder()))
    yield from _owned("llama.cpp", _in_folder(_llama_cache()))
    yield from _owned("Hugging Face", _in_hub_cache(_hub_cache()))


def _owned(owner: str, models: Iterable[FoundModel]) -> Iterator[FoundModel]:
    return (FoundModel(each.name, each.files, owner) for each in models)


def _in_folder(place: Path) -> Iterator[FoundModel]:
    """Yield the models in a folder and its subfolders, or the model in a single file."""
    if place.exists() and not place.is_dir():
        files = [place]
        if _PART.search(place.stem):
            files = sorted(place.parent.glob(f"{_PART.sub('', place.stem)}-*.gguf"))
    else:
        files = sorted(_ggufs(place))
    yield from _grouped(files)


def _ggufs(folder: Path) -> Iterator[Path]:
    count = 0
    for at, _, names in os.walk(folder):
        for name in names:
            count += 1
            if count > _MOST_FILES:
                return
            if name.lower().endswith(".gguf") and "mmproj" not in name.lower():
                yield Path(at, name)


def _grouped(files: list[Path]) -> Iterator[FoundModel]:
    """Yield one model per file, or per set of parts if it is split. Incomplete models are skipped."""
    for path in files:
        part = _PART.search(path.stem)
        if part is None:
            yield FoundModel(path.stem, (path,))
        elif int(part[1]) == 1:
            stem = _PART.sub("", path.stem)
            names = [f"{stem}-{n:05d}-of-{part[2]}{path.suffix}" for n in range(1, int(part[2]) + 1)]
            parts = [path.with_name(each) for each in names]
            if all(each.exists() for each in parts):
                yield FoundModel(stem, tuple(parts))


def _in_ollama(folder: Path) -> Iterator[FoundModel]:
    """Yield the models in Ollama's manifests whose weights are a single blob.

    Manifests are at ``manifests/HOST/NAMESPACE/NAME/TAG``, and the blob for a digest at ``blobs/sha256-…``.
    """
    manifests = folder / "manifests"
    if not manifests.is_dir():
        return
    for path in sorted(each for each in manifests.rglob("*") if each.is_file())[:_MOST_FILES]:
        blob = _weights_of(path, folder / "blobs")
        host, *names, tag = path.relative_to(manifests).parts
        if blob is None or not names:
            continue
        names = names[1:] if names[0] == "library" else names
        place = "" if host == "registry.ollama.ai" else f"{host}/"
        yield FoundModel(f"{place}{'/'.join(names)}:{tag}", (blob,))


def _weights_of(manifest: Path, blobs: Path) -> Path | None:
    try:
        fields: Any = json.loads(manifest.read_text(encoding="utf-8"))
        layers = [each for each in fields["layers"] if each["mediaType"] == _OLLAMA_MODEL]
        blob = blobs / str(layers[0]["digest"]).replace(":", "-")
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return blob if len(layers) == 1 and blob.parent == blobs and blob.is_file() else None


def _in_hub_cache(folder: Path) -> Iterator[FoundModel]:
    """Yield the models in the newest snapshot of each repository."""
    if not folder.is_dir():
        return
    for repo in sorted(folder.glob("models--*")):
        snapshots = [each for each in (repo / "snapshots").glob("*") if each.is_dir()]
        if snapshots:
            yield from _in_folder(max(snapshots, key=lambda each: each.stat().st_mtime))


def _lmstudio_folders() -> tuple[Path, ...]:
    home = Path.home()
    pointer = home / ".lmstudio-home-pointer"
    try:
        moved = Path(pointer.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        moved = home / ".lmstudio"
    return moved / "models", home / ".cache" / "lm-studio" / "models"


def _ollama_folder() -> Path:
    given = os.environ.get("OLLAMA_MODELS", "")
    service = Path("/usr/share/ollama/.ollama/models")
    own = Path(given) if given else Path.home() / ".ollama" / "models"
    return own if given or own.is_dir() or not os.access(service, os.R_OK) else service


def _llama_cache() -> Path:
    given = os.environ.get("LLAMA_CACHE", "")
    if given:
        return Path(given)
    if sys.platform == "linux":
        return Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache") / "llama.cpp"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "llama.cpp"
    return user_cache_path("llama.cpp", appauthor=False)


def _hub_cache() -> Path:
    if given := os.environ.get("HF_HUB_CACHE", ""):
        return Path(given)
    home = os.environ.get("HF_HOME", "")
    cache = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return (Path(home) if home else cache / "huggingface") / "hub"
