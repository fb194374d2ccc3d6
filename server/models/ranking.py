"""Which of the models that the engine has, or could have, suits a kind of work on this machine."""

import asyncio
import sys

from server.backends.base import InstalledModel
from server.config.folders import Folders
from server.engine.engine import Engine
from server.models.catalogue import CatalogueModel, load_catalogue
from server.models.categories import Category
from server.models.evidence import gather_evidence
from server.models.hardware import read_machine
from server.models.memory_gate import MemoryGate
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
    """Return the models for a category, best first; empty where the user's filters leave none.

    Raises:
        BackendError: there is no engine.
        SettingsError: the user's own choices cannot be read.
        StoreError: what was measured cannot be read.
    """
    await engine.refresh()
    backend = await engine.use()
    installed = await backend.installed()
    machine = await asyncio.to_thread(read_machine)
    held = sum((each.size_vram if machine.gpus else each.size) for each in engine.view().loaded)
    gate = engine.admission
    known = await gate.look_at_all(backend, installed) if isinstance(gate, MemoryGate) else {}
    return recommend(
        machine,
        installed,
        _candidates(folders, backend.kind, installed),
        Selector(folders).read(),
        category,
        prefer_quality=prefer_quality,
        held=held,
        evidence=await gather_evidence(measurements, category),
        known_fits={name.removesuffix(":latest"): each for name, each in known.items()},
        on_gpu=backend.kind != "embedded" or sys.platform == "darwin",
    )


async def installed_model_for(
    engine: Engine, folders: Folders, category: Category, measurements: Measurements
) -> str | None:
    """Return the installed model that work of a category should have, None for the one in use anyway.

    That is the user's own choice for the category; else the usual model, where it is made for the category
    and did not prove bad at it; else the best that is and fits in memory.

    Raises:
        BackendError: there is no engine, or it has no model.
        SettingsError: the user's own choices cannot be read.
        StoreError: what was measured cannot be read.
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
    folders: Folders, kind: str, installed: tuple[InstalledModel, ...]
) -> tuple[CatalogueModel, ...]:
    """Return the catalogue's models that this engine can have: to pull, or there already."""
    have = {each.name.removesuffix(":latest") for each in installed}
    return tuple(each for each in load_catalogue(folders) if each.engine == kind or each.name in have)
