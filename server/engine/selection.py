"""Chooses the model and its context length."""

import re
from collections.abc import Callable, Sequence

from server.backends.base import Backend, DownloadsOwnModels, InstalledModel, LoadedModel
from server.backends.model_names import not_found, resolve
from server.common.errors import ModelBlocked
from server.engine.admission import AdmitAll

NUM_CTX_LADDER = (4096, 8192, 16384, 32768)
"""Context lengths to choose from (tokens). There are only a few, because each change reloads the model."""

USUAL_NUM_CTX = 8192
"""Enough room for a source file of about 20 kB, the task, and a 2,000-token answer."""

_CODER = re.compile(r"cod(?:e|er|estral)|devstral|starcoder|granite|gpt-oss|qwen3", re.IGNORECASE)
_NOT_FOR_TEXT = re.compile(r"embed|rerank|ocr|guard|whisper|-vl\b", re.IGNORECASE)


def block_nothing(_model: str) -> bool:
    """Return False: no model is blocked."""
    return False


async def choose_model(
    backend: Backend, wanted: str, is_blocked: Callable[[str], bool] = block_nothing, largest: int = 0
) -> str:
    """Return the installed model named by ``wanted``. If ``wanted`` is empty, return the best model that is
    not blocked and whose file is at most ``largest`` bytes (0: 60 % of total RAM).

    Raises:
        ModelNotFound: no model matches, or more than one does. The message names the most similar models.
        ModelBlocked: the model is blocked.
    """
    if not wanted and isinstance(backend, DownloadsOwnModels):
        return refuse_blocked(backend.default_model(), is_blocked)
    if isinstance(backend, DownloadsOwnModels):
        wanted = backend.local_name(wanted)
    installed = await backend.installed()
    if not wanted:
        allowed = [each for each in installed if not is_blocked(each.name)]
        loaded = await _loaded(backend) if len(allowed) > 1 else ()  # a single model leaves no choice
        return default_model(allowed, loaded, largest or AdmitAll().largest(backend))
    if isinstance(backend, DownloadsOwnModels):
        usual = backend.default_model()
        if all(model.name != usual for model in installed):
            installed = (*installed, InstalledModel(usual))
    return refuse_blocked(resolve(wanted, installed), is_blocked)


def refuse_blocked(model: str, is_blocked: Callable[[str], bool]) -> str:
    """Return the model if it is not blocked.

    Raises:
        ModelBlocked: the model is blocked.
    """
    if is_blocked(model):
        raise ModelBlocked(
            f"The user has blocked {model}, by name or by licence.",
            "Use another model, or ask Claude to unblock this model.",
            "Use another model, or ask the user; configure_model_selector shows the filters.",
        )
    return model


async def choose_num_ctx(backend: Backend, model: str, need: int, configured: int) -> int:
    """Return the context length for the model, in tokens.

    This is the ``configured`` length (0: none), the server's fixed length, the loaded model's length if
    ``need`` tokens fit in it, or else a step of the ladder. It is never more than the model supports.

    Raises:
        ModelNotFound: the engine does not have this model.
    """
    supported = await backend.context_length(model)
    if configured:
        return min(configured, supported or configured)
    if not backend.capabilities.set_num_ctx:
        return supported or USUAL_NUM_CTX
    current = next((each.num_ctx for each in await _loaded(backend) if each.name == model), 0)
    return current if current >= max(need, 1) else step_up(need, supported)


def default_model(installed: Sequence[InstalledModel], loaded: Sequence[LoadedModel], largest: int) -> str:
    """Return the model to use: a loaded one if possible, otherwise an installed one. If there are several,
    return the largest that suits code and is at most ``largest`` bytes.

    Raises:
        ModelNotFound: no installed model generates text.
    """
    usable = {each.name: each for each in installed if each.generates and not _NOT_FOR_TEXT.search(each.name)}
    loaded_usable = [usable[each.name] for each in loaded if each.name in usable]
    candidates = loaded_usable or list(usable.values())
    if not candidates:
        raise not_found("", ())
    fitting = [each for each in candidates if each.size <= largest]
    if not fitting:
        return min(candidates, key=lambda each: (each.size, each.name)).name
    return max(fitting, key=lambda each: (_suits_code(each), each.size, each.name)).name


def step_up(need: int, supported: int) -> int:
    """Return the shortest context on the ladder that holds ``need`` tokens: at least the usual context, and
    at most ``supported`` (0: unknown). If none is long enough, return the longest.
    """
    top = supported or NUM_CTX_LADDER[-1]
    step = next((each for each in NUM_CTX_LADDER if each >= max(need, USUAL_NUM_CTX)), NUM_CTX_LADDER[-1])
    return min(step, top)


async def _loaded(backend: Backend) -> tuple[LoadedModel, ...]:
    return await backend.loaded() if backend.capabilities.list_loaded else ()


def _suits_code(model: InstalledModel) -> bool:
    return bool(_CODER.search(model.name))
