"""Ranks the models the engine has or can download, for a category of work on this machine."""

import asyncio

from server.backends.base import Backend, DownloadsOwnModels, InstalledModel, ReportsDevices
from server.config.folders import Folders
from server.engine.engine import Engine
from server.gpu.engine_devices import with_engine_devices
from server.gpu.hardware import read_machine
from server.gpu.memory_gate import MemoryGate
from server.models.catalogue import CatalogueModel, load_catalogue
from server.models.categories import Category
from server.models.evidence import gather_evidence
from server.models.recommend import Recommendation, recommend
from server.models.selector import Selector
from server.store.measurements import Measurements


async def ranked(
    engine: Engine,
    folders: Folders,
    category: Category,
    measurements: Measurements,
    *,
    prefer_quality: bool = False,
) -> tuple[Recommendation, ...]:
    """Return the models for a category, best first; empty if the user's filters exclude every model.

    Raises:
        BackendError: no engine is available.
        SettingsError: the user's choices cannot be read.
        StoreError: the measurements cannot be read.
    """
    await engine.refresh()
    backend = await engine.use()
    installed = await backend.installed()
    machine = await asyncio.to_thread(read_machine)
    if isinstance(backend, ReportsDevices):
        machine = with_engine_devices(machine, await backend.devices())
    held = sum((each.size_vram if machine.gpus else each.size) for each in engine.view().loaded)
    gate = engine.admission
    known = await gate.fit_all(backend, installed) if isinstance(gate, MemoryGate) else {}
    return recommend(
        machine,
        installed,
        _candidates(folders, backend, installed),
        Selector(folders).read(),
        category,
        prefer_quality=prefer_quality,
        held=held,
        evidence=await gather_evidence(measurements, category),
        known_fits={name.removesuffix(":latest"): each for name, each in known.items()},
        on_gpu=await backend.uses_gpu(),
    )


async def installed_model_for(
    engine: Engine, folders: Folders, category: Category, measurements: Measurements
) -> str | None:
    """Return the installed model to use for a category of work, or None for the default model.

    The user's own choice for the category comes first, then the default model if it is made for the category
    and has not proved bad. Failing that, the best model that is made for the category and fits in memory is
    used.

    Raises:
        BackendError: no engine is available, or the engine has no model.
        SettingsError: the user's choices cannot be read.
        StoreError: the measurements cannot be read.
    """
    found = [each for each in await ranked(engine, folders, category, measurements) if each.installed]
    own = next((each for each in found if each.custom), None)
    if own is not None:
        return own.model.name
    usual = (await engine.choose_model(None)).removesuffix(":latest")
    suiting = [each for each in found if each.fits and category in each.model.categories]
    if not suiting or any(each.model.name == usual and each.evidence.tier < 2 for each in suiting):
        return None
    return None if suiting[0].model.name == usual else suiting[0].model.name


def _candidates(
    folders: Folders, backend: Backend, installed: tuple[InstalledModel, ...]
) -> tuple[CatalogueModel, ...]:
    """Return the catalogue models that are installed or that this engine can download, under the engine's
    names.
    """
    have = {each.name.removesuffix(":latest") for each in installed}
    found: dict[str, CatalogueModel] = {}
    for each in load_catalogue(folders):
        name = each.name if each.name in have else each.name_for(backend.kind)
        if name and isinstance(backend, DownloadsOwnModels):
            name = backend.local_name(name)
        if name:
            found.setdefault(name, each.model_copy(update={"name": name}))
    return tuple(found.values())
