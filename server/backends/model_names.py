"""Finding the model that a name means, and the nearest ones where it means none."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from server.backends.base import InstalledModel
from server.common.errors import ModelNotFound


def resolve(name: str, models: Iterable[InstalledModel]) -> str:
    """Return the installed model that ``name`` means.

    In this order: the exact name; the name with ``:latest``; the same in any case of letters; the same but
    for ``:`` where the other has ``-``; the only one that begins with it at a boundary (``qwen2.5-coder`` →
    ``qwen2.5-coder:7b``); the only one whose part after the last ``/`` begins so.

    Raises:
        ModelNotFound: it means none, or several; the message names the nearest.
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
            raise ModelNotFound(f"{wanted!r} could be any of {_listed(found)}.", "Name one of them in full.")
    raise not_found(wanted, models)


def not_found(name: str, models: Iterable[InstalledModel]) -> ModelNotFound:
    """Return the error that names the installed models nearest to ``name`` (empty: any at all)."""
    near = nearest(name, [model.name for model in models])
    cause = f"The engine has no model {name!r}." if name else "The engine has no model that writes text."
    if not near:
        return ModelNotFound(cause, "Download one first, with pull_model or in the engine itself.")
    return ModelNotFound(cause, f"Name one that it has: {_listed(near)}; or download that one first.")


def spelled_alike(one: str, other: str) -> bool:
    """Whether two names differ in nothing but case and ``:`` for ``-``, as Ollama's ``qwen2.5-coder:1.5b``
    from the embedded engine's ``qwen2.5-coder-1.5b``."""
    return one.lower().replace(":", "-") == other.lower().replace(":", "-")


def nearest(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the ``count`` names most like ``name``, the likest first."""
    wanted = name.lower()

    def likeness(each: str) -> float:
        return max(
            SequenceMatcher(None, wanted, part).ratio()
            for part in (each.lower(), each.lower().partition(":")[0])
        )

    return sorted(names, key=lambda each: (-likeness(each), each))[:count]


def _begins(name: str, wanted: str) -> bool:
    rest = name.removeprefix(wanted)
    return bool(wanted) and name.startswith(wanted) and (not rest or not rest[0].isalnum())


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
