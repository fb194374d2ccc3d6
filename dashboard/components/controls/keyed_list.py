"""Lists and sections that are updated in place.

Unchanged parts are never rebuilt, so an update never loses a click, the focus, an open fold or a selection.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from nicegui.element import Element

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class ListEntry(Protocol[Item_contra]):
    """How one item is displayed: an element, and a method that updates its content."""

    element: Element

    def update(self, item: Item_contra, /) -> None:
        """Show the item's current state."""


class KeyedList(Generic[Item]):
    """The entries in ``body``: one per item, in the items' order.

    ``key`` identifies an item. ``make`` builds the entry for a new item inside ``body``; ``ListEntry.update``
    is called right afterwards.
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
        """Show exactly these items in this order."""
        if self._body.is_deleted:
            return  # the page was closed in the meantime
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
    """A section that is rebuilt only when its content changes."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._shown: object = self

    def show(self, content: object, build: Callable[[], object]) -> None:
        """Call ``build`` to fill the section, unless it already shows ``content``."""
        if content != self._shown and not self._element.is_deleted:
            self._shown = content
            self._element.clear()
            with self._element:
                build()
