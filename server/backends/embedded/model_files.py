"""Finds and deletes the embedded engine's model files, and chooses the default model."""

import asyncio
from dataclasses import replace
from pathlib import Path

import psutil

from server.backends.base import InstalledModel, ReportPull
from server.backends.embedded.gguf import describe_gguf
from server.backends.embedded.weights.fetch import (
    fetch_weights,
    look_up,
    places_in,
    remove_place,
    weights_path,
)
from server.backends.embedded.weights.found import FoundModel, find_models
from server.backends.embedded.weights.hub import choose_files
from server.backends.embedded.weights.references import AtAddress, OnDisk, OnHub, parse_reference
from server.backends.model_names import not_found
from server.common.errors import BackendUnsupported
from server.config.sections import EmbeddedSettings

USUAL_MODEL, SMALL_MODEL = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"
ROOM_FOR_USUAL = 6 * 2**30
"""Amount of free memory below which the small model is chosen (bytes)."""


class ModelFiles:
    """The model files in ``folder``, the user's folders, and the caches of other programs. The methods read
    from disk.
    """

    def __init__(self, settings: EmbeddedSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def found(self) -> dict[str, FoundModel]:
        """Return the models that were found, keyed by name."""
        own = self._own_file()
        others = [*([own] if own else []), *map(_absolute, self._settings.folders), *places_in(self._folder)]
        found = find_models(self._folder, others, caches=self._settings.use_caches)
        return {each.name: each for each in found}

    def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models as their headers describe them."""
        return tuple(
            replace(
                describe_gguf(each.path, each.name, each.files),
                place=self._place(each),
                listed_as=self._listed_as(each),
            )
            for each in self.found().values()
            if all(file.exists() for file in each.files)
        )

    def model(self, name: str) -> FoundModel:
        """Return the model with this name.

        Raises:
            ModelNotFound: the model does not exist.
        """
        path = weights_path(self._folder, name)
        if path.exists():
            return FoundModel(name, (path,))
        found = self.found().get(name)
        if found is None:
            raise not_found(name, self.installed())
        return found

    def has(self, name: str) -> bool:
        """Return whether the model's files exist. Downloaded files exist only once they are complete and
        verified.
        """
        return weights_path(self._folder, name).exists() or self.local_name(name) in self.found()

    def local_name(self, name: str) -> str:
        """Return the installed model's name for a reference. Other names are returned unchanged."""
        reference = parse_reference(name)
        if isinstance(reference, OnDisk):
            found = find_models(reference.path, (), caches=False)
            return found[0].name if found else name
        if isinstance(reference, AtAddress):
            return reference.url.rpartition("/")[2].removesuffix(".gguf")
        if not isinstance(reference, OnHub):
            return name
        folder = self._folder / reference.repo
        files = choose_files(
            [each.name for each in folder.glob("*.gguf")], reference.wanted.rpartition("/")[2]
        )
        models = {each.path.name: each.name for each in find_models(folder, (), caches=False)}
        return models.get(files[0], name) if files else name

    def default_model(self) -> str:
        """Return ``[embedded] model``. ``auto`` is the 1.5B coder, or the 0.5B coder if memory is tight."""
        chosen = self._settings.model
        if chosen != "auto":
            own = self._own_file()
            return self.local_name(chosen) if own is None else own.stem
        if weights_path(self._folder, USUAL_MODEL).exists():
            return USUAL_MODEL
        return USUAL_MODEL if psutil.virtual_memory().available >= ROOM_FOR_USUAL else SMALL_MODEL

    async def fetch(self, name: str, report: ReportPull) -> None:
        """Download a model given by catalogue name or reference. A path is only recorded."""
        await fetch_weights(self._folder, name, report)

    async def look_up(self, name: str) -> str:
        """See ``DownloadsOwnModels``."""
        if isinstance(parse_reference(name), OnDisk) or await asyncio.to_thread(self.has, name):
            return ""
        return (await look_up(name)).summary

    def delete(self, name: str) -> None:
        """Delete a model's files from the app's own folder.

        Raises:
            ModelNotFound: the model does not exist.
            BackendUnsupported: the files belong to the user or to another program.
        """
        own = self._own_file()
        if own is not None and own.stem == name:
            raise BackendUnsupported(
                f"{own} is your own file, set as [embedded] model.", "Delete the file yourself."
            )
        found = self.model(name)
        if not found.path.is_relative_to(self._folder):
            owner = f"{found.owner}'s" if found.owner else "your own"
            raise BackendUnsupported(f"{found.path} is {owner} file.", "Delete the file yourself.")
        for each in found.files:
            each.unlink(missing_ok=True)

    def stop_listing(self, place: str) -> None:
        """Take a path that the user added off the list. The files stay.

        Raises:
            DownloadError: the list cannot be written.
        """
        remove_place(self._folder, Path(place))

    def _listed_as(self, found: FoundModel) -> str:
        """Return the added path that lists a model; empty if the settings or another program list it too."""
        if found.owner or found.path == self._own_file() or found.path.is_relative_to(self._folder):
            return ""
        path = found.path.resolve()
        if any(path.is_relative_to(_absolute(each).resolve()) for each in self._settings.folders):
            return ""
        return next(
            (str(each) for each in places_in(self._folder) if path.is_relative_to(each.resolve())), ""
        )

    def _place(self, found: FoundModel) -> str:
        own = found.path == self._own_file() or not found.path.is_relative_to(self._folder)
        return str(found.path.parent) if own else ""

    def _own_file(self) -> Path | None:
        """Return the GGUF file that ``[embedded] model`` points to; None if the setting is a name."""
        chosen = self._settings.model
        is_path = chosen.endswith(".gguf") and not isinstance(parse_reference(chosen), OnHub | AtAddress)
        return _absolute(chosen) if is_path else None


def _absolute(path: str) -> Path:
    return Path(path).expanduser().absolute()
