"""A list on the page that is changed in place.

What stays is never built anew, so that news never takes a click, the focus, an open fold or a selection
away from the reader.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from nicegui.element import Element

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class ListEntry(Protocol[Item_contra]):
    """What the page shows of one item: an element, and a way to change what is in it."""

    element: Element

    def update(self, item: Item_contra, /) -> None:
        """Show the item as it is now."""


class KeyedList(Generic[Item]):
    """The entries of ``body``, one an item, in the order of the items.

    ``key`` tells which item is which, ``make`` builds the entry of a new one inside ``body``, which is
    shown by ``update`` right after.
    """

    def __init__(
        self, body: Element, key: Callable[[Item], Hashable], make: Callable[[Item], ListEntry[Item]]
    ) -> None:
        self._body = body
        self._key = key
        self._make = make
        self._entries: dict[Hashable, ListEntry[Item]] = {}
        self._shown: dict[Hashable, Item] = {}

    def update(self, items: Sequence[Item]) -> None:
        """Show these items, and no others."""
        if self._body.is_deleted:
            return  # the reader left while this was read
        wanted = {self._key(item): item for item in items}
        for gone in [key for key in self._entries if key not in wanted]:
            self._entries.pop(gone).element.delete()
        for place, (key, item) in enumerate(wanted.items()):
            entry = self._entry(key, item)
            if self._shown.get(key) != item:
                entry.update(item)
            if self._body.default_slot.children[place] is not entry.element:
                entry.element.move(self._body, place)
        self._shown = wanted

    def _entry(self, key: Hashable, item: Item) -> ListEntry[Item]:
        entry = self._entries.get(key)
        if entry is None:
            self._shown.pop(key, None)
            with self._body:
                entry = self._entries[key] = self._make(item)
        return entry


class RebuiltSection:
    """A place on the page that is built anew only when what it shows is another."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._shown: object = self

    def show(self, what: object, build: Callable[[], object]) -> None:
        """Let ``build`` fill the place, unless it shows ``what`` already."""
        if what != self._shown and not self._element.is_deleted:
            self._shown = what
            self._element.clear()
            with self._element:
                build()
