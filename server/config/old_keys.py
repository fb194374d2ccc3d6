"""Setting names from earlier versions. They still work, with a remark that gives the current name."""

from collections.abc import Mapping
from typing import Any

RENAMED_TABLES = {"manners": "yielding"}
"""Old and current names of ``config.toml`` tables."""
REMOVED_KEYS = {
    ("yielding", "yield_to_games"): "only the share of GPU memory held by other programs matters now"
}
"""Keys that no longer have an effect, with the reason."""


def update_keys(table: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings under their current names, and one remark per old name.

    If a key is set under both names, the value under the current name wins.
    """
    current, remarks = dict(table), []
    for old, new in RENAMED_TABLES.items():
        if isinstance(values := current.pop(old, None), dict):
            current[new] = {**values, **current.get(new, {})}
            remarks.append(f"[{old}] is now called [{new}]; please rename it")
    for (section, key), why in REMOVED_KEYS.items():
        if isinstance(values := current.get(section), dict) and key in values:
            current[section] = {name: value for name, value in values.items() if name != key}
            remarks.append(f"[{section}] {key} no longer has an effect: {why}")
    return current, tuple(remarks)


def table_in_file(document: Mapping[str, Any], name: str) -> str:
    """Return the name ``config.toml`` uses for a table: the old name only if that is the only one present."""
    old = next((old for old, new in RENAMED_TABLES.items() if new == name and old in document), name)
    return name if name in document else old


def current_variable(name: str) -> str:
    """Return a variable's name, without its prefix, using the current name of its table. Case is ignored."""
    table, separator, key = name.partition("__")
    return RENAMED_TABLES.get(table.lower(), table) + separator + key
