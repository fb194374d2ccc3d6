"""Looks up models by name and suggests similar names if none matches."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from server.backends.base import InstalledModel
from server.common.errors import ModelNotFound


def resolve(name: str, models: Iterable[InstalledModel]) -> str:
    """Return the installed model with this name.

    The first matching rule wins: the exact name; the name with ``:latest``; either of these ignoring case;
    the name with ``-`` for ``:``; the only model whose name starts with ``name`` at a boundary
    (``qwen2.5-coder`` → ``qwen2.5-coder:7b``); the only model where the part after the last ``/`` does so.

    Raises:
        ModelNotFound: no model matches, or more than one does. The message names the most similar models.
    """
    models = tuple(models)
    names = [model.name for model in models]
    wanted = name.strip()
    lowered = wanted.lower()
    tests = (
        lambda each: each == wanted,
        lambda each: each == f"{wanted}:latest",
        lambda each: each.lower() in (lowered, f"{lowered}:latest"),
        lambda each: spelled_alike(each, wanted),
        lambda each: _begins(each.lower(), lowered),
        lambda each: _begins(each.lower().rpartition("/")[2], lowered),
    )
    for test in tests:
        found = [each for each in names if test(each)]
        if len(found) == 1:
            return found[0]
        if found and wanted:
            raise ModelNotFound(f"{wanted!r} could be any of {_listed(found)}.", "Give one of these names.")
    raise not_found(wanted, models)


def not_found(name: str, models: Iterable[InstalledModel]) -> ModelNotFound:
    """Return an error naming the installed models most similar to ``name`` (empty: no particular model)."""
    near = nearest(name, dict.fromkeys(model.name for model in models))
    cause = f"The engine has no model {name!r}." if name else "The engine has no model that writes text."
    if not near:
        return ModelNotFound(cause, "First download a model, with pull_model or in the engine itself.")
    return ModelNotFound(
        cause, f"Use an installed model ({_listed(near)}), or first download the model that you want."
    )


def spelled_alike(one: str, other: str) -> bool:
    """Return whether two names differ only in case and in ``:`` versus ``-``, such as Ollama's
    ``qwen2.5-coder:1.5b`` and the embedded engine's ``qwen2.5-coder-1.5b``.
    """
    return one.lower().replace(":", "-") == other.lower().replace(":", "-")


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the ``count`` names most similar to ``name``, closest match first."""
    wanted = name.lower()

    def similarity(each: str) -> float:
        return max(
            SequenceMatcher(None, wanted, part).ratio()
            for part in (each.lower(), each.lower().partition(":")[0])
        )

    return sorted(names, key=lambda each: (-similarity(each), each))[:count]


def _begins(name: str, wanted: str) -> bool:
    rest = name.removeprefix(wanted)
    return bool(wanted) and name.startswith(wanted) and (not rest or not rest[0].isalnum())


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
