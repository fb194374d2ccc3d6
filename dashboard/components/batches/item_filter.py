"""Links above a batch's items that show only some of them, each with the number of its items."""

from collections.abc import Mapping

from dashboard import formats
from dashboard.components.controls.elements import box, link
from server.store.job_records import JobCounts
from server.store.job_states import ITEM_STATES, SUCCESSFUL, UNSUCCESSFUL, ItemState

ALL = "all"
FILTERS: Mapping[str, tuple[str, frozenset[ItemState]]] = {
    ALL: ("All", frozenset(ITEM_STATES)),
    "open": ("Not finished", frozenset({"waiting", "running"})),
    "failed": ("Without a result", UNSUCCESSFUL),
    "done": ("With a result", SUCCESSFUL),
}
"""Each filter's name and the states that it shows, by its word in the address."""


def states_of(chosen: str) -> frozenset[ItemState]:
    """Return the states that a filter shows. An unknown word shows all."""
    return FILTERS.get(chosen, FILTERS[ALL])[1]


class ItemFilter:
    """The links. A filter without items is hidden unless it is chosen."""

    def __init__(self, job_id: str, chosen: str) -> None:
        self._chosen = chosen if chosen in FILTERS else ALL
        with box("ts-segments ts-item-filter", "nav", "Items"):
            self._links = {
                word: link(f"/batch/{job_id}" + (f"?show={word}" if word != ALL else ""), "ts-segment", name)
                for word, (name, _) in FILTERS.items()
            }
        self._links[self._chosen].props["aria-current"] = "true"

    def update(self, counts: JobCounts) -> None:
        """Show the number of items of each filter."""
        for word, (name, states) in FILTERS.items():
            count = sum(counts.by_state.get(each, 0) for each in states)
            self._links[word].set_text(f"{name} {formats.number(count)}")
            self._links[word].set_visibility(bool(count) or word in (ALL, self._chosen))
