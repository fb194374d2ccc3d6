"""Words for the outcomes of offloads and the states of batch items, for pages, commands and the tray."""

from collections.abc import Mapping

OUTCOME_WORDS: Mapping[str, str] = {
    "delivered": "written",
    "returned": "returned",
    "handed_back": "handed back",
    "failed": "failed",
    "cancelled": "cancelled",
    "denied": "denied",
    "interrupted": "interrupted",
    "running": "running",
    "waiting": "waiting",
}
"""``returned``: the answer is the reply. ``handed back``: it failed a check, and nothing was written."""


def outcome_word(name: str) -> str:
    """Return the word for an outcome or a state. An unknown name keeps its own words."""
    return OUTCOME_WORDS.get(name, name.replace("_", " "))
