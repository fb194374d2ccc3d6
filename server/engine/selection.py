"""Which model works, and with how long a context."""

import re
from collections.abc import Callable, Sequence

from server.backends.base import Backend, DownloadsOwnModels, InstalledModel, LoadedModel
from server.backends.model_names import not_found, resolve
from server.common.errors import ModelBlocked
from server.engine.admission import AdmitAll

NUM_CTX_LADDER = (4096, 8192, 16384, 32768)
"""Context lengths in tokens to choose from. Few, as each change reloads the model."""

USUAL_NUM_CTX = 8192
"""Holds a source file of some 20 kB, the task and an answer of 2,000 tokens."""

_CODER = re.compile(r"cod(?:e|er|estral)|devstral|starcoder|granite|gpt-oss|qwen3", re.IGNORECASE)
_NOT_FOR_TEXT = re.compile(r"embed|rerank|ocr|guard|whisper|-vl\b", re.IGNORECASE)


def refuse_nothing(_model: str) -> bool:
    """Block no model."""
    return False


async def choose_model(
    backend: Backend, wanted: str, refuses: Callable[[str], bool] = refuse_nothing, largest: int = 0
) -> str:
    """Return the installed model that ``wanted`` means; where it is empty, the best one
    that is not refused, with a file of at most ``largest`` bytes (0: 60 % of the RAM).

    Raises:
        ModelNotFound: it means none or several; the message names the nearest.
        ModelBlocked: ``refuses`` says so.
    """
    if not wanted and isinstance(backend, DownloadsOwnModels):
        return refuse_blocked(backend.default_model(), refuses)
    installed = await backend.installed()
    if not wanted:
        allowed = [each for each in installed if not refuses(each.name)]
        loaded = await _loaded(backend) if len(allowed) > 1 else ()  # of one there is nothing to choose
        return default_model(allowed, loaded, largest or AdmitAll().largest(backend))
    if isinstance(backend, DownloadsOwnModels):
        usual = backend.default_model()
        if all(model.name != usual for model in installed):
            installed = (*installed, InstalledModel(usual))
    return refuse_blocked(resolve(wanted, installed), refuses)


def refuse_blocked(model: str, refuses: Callable[[str], bool]) -> str:
    """Return the model.

    Raises:
        ModelBlocked: ``refuses`` says so.
    """
    if refuses(model):
        raise ModelBlocked(
            f"The user blocks {model}, by name or licence.",
            "Use another model, or ask Claude to unblock this one.",
            "Use another model, or ask the user; configure_model_selector shows the filters.",
        )
    return model


async def choose_num_ctx(backend: Backend, model: str, need: int, configured: int) -> int:
    """Return the context length for the model, in tokens: the ``configured`` one (0 for none), the
    server's where it is fixed, that of the model as loaded if ``need`` tokens fit, else a rung of the
    ladder; never more than the model supports.

    Raises:
        ModelNotFound: the engine has no such model.
    """
    longest = await backend.context_length(model)
    if configured:
        return min(configured, longest or configured)
    if not backend.capabilities.set_num_ctx:
        return longest or USUAL_NUM_CTX
    warm = next((each.num_ctx for each in await _loaded(backend) if each.name == model), 0)
    return warm if warm >= max(need, 1) else step_up(need, longest)


def default_model(installed: Sequence[InstalledModel], loaded: Sequence[LoadedModel], largest: int) -> str:
    """Return the model to use: a loaded one, else the best installed one; of several, the largest
    that suits code and is no larger than ``largest`` bytes.

    Raises:
        ModelNotFound: none is installed that writes text.
    """
    usable = {each.name: each for each in installed if each.generates and not _NOT_FOR_TEXT.search(each.name)}
    warm = [usable[each.name] for each in loaded if each.name in usable]
    candidates = warm or list(usable.values())
    if not candidates:
        raise not_found("", ())
    fitting = [each for each in candidates if each.size <= largest]
    if not fitting:
        return min(candidates, key=lambda each: (each.size, each.name)).name
    return max(fitting, key=lambda each: (_suits_code(each), each.size, each.name)).name


def step_up(need: int, longest: int) -> int:
    """Return the shortest context of the ladder that holds ``need`` tokens, at least the usual one and
    at most ``longest`` (0: unknown). Where none holds it, the longest there is."""
    top = longest or NUM_CTX_LADDER[-1]
    rung = next((each for each in NUM_CTX_LADDER if each >= max(need, USUAL_NUM_CTX)), NUM_CTX_LADDER[-1])
    return min(rung, top)


async def _loaded(backend: Backend) -> tuple[LoadedModel, ...]:
    return await backend.loaded() if backend.capabilities.list_loaded else ()


def _suits_code(model: InstalledModel) -> bool:
    return bool(_CODER.search(model.name))
