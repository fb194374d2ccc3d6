"""A ``pystray`` menu on the session bus, as ``com.canonical.dbusmenu`` (version 3).

The protocol: https://github.com/AyatanaIndicators/libdbusmenu/blob/master/libdbusmenu-glib/dbus-menu.xml All
methods and entry callbacks run in the bus's event loop.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from dbus_fast import DBusError, ErrorType, Variant
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from tray.toolkit import Menu

INTERFACE = "com.canonical.dbusmenu"
ROOT = 0
"""The id of the menu itself."""

Properties = dict[str, Variant]
Layout = list[Any]
"""``(ia{sv}av)``: id, properties, and children as variants of the same type."""


@dataclass
class Node:
    """One entry as seen by the panel. A click calls ``item``, which is None for the root."""

    id: int
    properties: Properties
    item: Any = None
    children: list["Node"] = field(default_factory=list)

    def layout(self, depth: int) -> Layout:
        """Return the entry with ``depth`` levels of children: -1 for all, 0 for none."""
        children = [] if depth == 0 else [Variant("(ia{sv}av)", c.layout(depth - 1)) for c in self.children]
        return [self.id, self.properties, children]

    def walk(self) -> Iterator["Node"]:
        """Yield the entry and all its descendants."""
        yield self
        for child in self.children:
            yield from child.walk()


class DBusMenu(ServiceInterface):
    """Shows a menu and reports clicks to ``on_click``.

    An entry keeps its id as long as its path of labels is unchanged, and ids are never reused. A click that
    arrives while the menu is changing reaches the intended entry or none at all.
    """

    def __init__(self, on_click: Callable[[Any], None], on_open: Callable[[], None]) -> None:
        super().__init__(INTERFACE)
        self._on_click = on_click
        self._on_open = on_open
        self._revision = 1
        self._new_id = itertools.count(ROOT + 1)
        self._ids: dict[tuple[str, ...], int] = {}
        self._root = _root([])
        self._nodes = {ROOT: self._root}

    def replace(self, menu: Any) -> None:
        """Show ``menu`` (a ``pystray.Menu`` or None). The panel is notified only of actual changes."""
        ids: dict[tuple[str, ...], int] = {}
        root = _root(list(self._nodes_of(menu or (), (), ids)))
        changed = root.layout(-1) != self._root.layout(-1)
        self._root, self._ids = root, ids
        self._nodes = {node.id: node for node in root.walk()}
        if changed:
            self._revision += 1
            self.layout_updated()

    def _nodes_of(self, menu: Any, path: tuple[str, ...], ids: dict[tuple[str, ...], int]) -> Iterator[Node]:
        for item in menu:
            key = (*path, item.text)
            while key in ids:
                key = (*key, "again")
            ids[key] = self._ids[key] if key in self._ids else next(self._new_id)
            children = list(self._nodes_of(item.submenu or (), key, ids))
            yield Node(ids[key], _properties(item), item, children)

    @dbus_method(name="GetLayout")
    def get_layout(
        self, parent: DBusInt32, depth: DBusInt32, names: Annotated[list[str], DBusSignature("as")]
    ) -> Annotated[tuple[int, Layout], DBusSignature("u(ia{sv}av)")]:
        """Return the revision and the tree below ``parent``, always with all properties, because there are
        few.
        """
        del names
        return self._revision, self._node(parent).layout(depth)

    @dbus_method(name="GetGroupProperties")
    def get_group_properties(
        self,
        ids: Annotated[list[int], DBusSignature("ai")],
        names: Annotated[list[str], DBusSignature("as")],
    ) -> Annotated[list[Any], DBusSignature("a(ia{sv})")]:
        """Return the properties of several entries, or of all if ``ids`` is empty."""
        del names
        chosen = ids or list(self._nodes)
        return [[each, self._nodes[each].properties] for each in chosen if each in self._nodes]

    @dbus_method(name="GetProperty")
    def get_property(self, entry: DBusInt32, name: DBusStr) -> DBusVariant:
        """Return one property of one entry."""
        value = self._node(entry).properties.get(name)
        if value is None:
            raise DBusError(ErrorType.INVALID_ARGS, f"entry {entry} has no property {name}")
        return value

    @dbus_method(name="Event")
    def event(self, entry: DBusInt32, kind: DBusStr, data: DBusVariant, timestamp: DBusUInt32) -> None:
        """Handle a click. Hovering, opening and closing require no action."""
        del data, timestamp
        self._take(self._node(entry), kind)

    @dbus_method(name="EventGroup")
    def event_group(
        self, events: Annotated[list[Any], DBusSignature("a(isvu)")]
    ) -> Annotated[list[int], DBusSignature("ai")]:
        """Handle several events. Return the ids that are not in the menu."""
        unknown = [entry for entry, *_ in events if entry not in self._nodes]
        for entry, kind, *_ in events:
            if (node := self._nodes.get(entry)) is not None:
                self._take(node, kind)
        return unknown

    @dbus_method(name="AboutToShow")
    def about_to_show(self, entry: DBusInt32) -> DBusBool:
        """Refresh before the menu opens. Return whether the panel must read the layout again."""
        before = self._revision
        if entry == ROOT:
            self._on_open()
        return self._revision != before

    @dbus_method(name="AboutToShowGroup")
    def about_to_show_group(
        self, ids: Annotated[list[int], DBusSignature("ai")]
    ) -> Annotated[tuple[list[int], list[int]], DBusSignature("aiai")]:
        """Refresh before several entries open. Return the entries that changed and those that are unknown."""
        before = self._revision
        if ROOT in ids:
            self._on_open()
        changed = [ROOT] if self._revision != before else []
        return changed, [entry for entry in ids if entry not in self._nodes]

    @dbus_signal(name="LayoutUpdated")
    def layout_updated(self) -> Annotated[tuple[int, int], DBusSignature("ui")]:
        """Notify the panel that the tree below the root changed."""
        return self._revision, ROOT

    @dbus_signal(name="ItemsPropertiesUpdated")
    def items_properties_updated(
        self,
    ) -> Annotated[tuple[list[Any], list[Any]], DBusSignature("a(ia{sv})a(ias)")]:
        """Required by the protocol, but never sent: ``LayoutUpdated`` covers it."""
        return [], []

    @dbus_property(access=PropertyAccess.READ, name="Version")
    def version(self) -> DBusUInt32:
        """The protocol version."""
        return 3

    @dbus_property(access=PropertyAccess.READ, name="TextDirection")
    def text_direction(self) -> DBusStr:
        """Left to right, because the labels are English."""
        return "ltr"

    @dbus_property(access=PropertyAccess.READ, name="Status")
    def status(self) -> DBusStr:
        """``normal``: the icon may ask for attention, but the menu never does."""
        return "normal"

    @dbus_property(access=PropertyAccess.READ, name="IconThemePath")
    def icon_theme_path(self) -> Annotated[list[str], DBusSignature("as")]:
        """Return an empty list, because no entry has an icon."""
        return []

    def _node(self, entry: int) -> Node:
        if (node := self._nodes.get(entry)) is None:
            raise DBusError(ErrorType.INVALID_ARGS, f"the menu has no entry {entry}")
        return node

    def _take(self, node: Node, kind: str) -> None:
        if kind == "clicked" and node.item is not None and node.item.submenu is None and node.item.enabled:
            self._on_click(node.item)


def _root(children: list[Node]) -> Node:
    return Node(ROOT, {"children-display": Variant("s", "submenu")}, None, children)


def _properties(item: Any) -> Properties:
    if item is Menu.SEPARATOR:
        return {"type": Variant("s", "separator")}
    # In a label "_" marks the access key; "__" is a literal "_".
    properties = {"label": Variant("s", item.text.replace("_", "__"))}
    if not item.enabled:
        properties["enabled"] = Variant("b", False)
    if item.checked is not None:
        properties["toggle-type"] = Variant("s", "radio" if item.radio else "checkmark")
        properties["toggle-state"] = Variant("i", int(item.checked))
    if item.submenu is not None:
        properties["children-display"] = Variant("s", "submenu")
    return properties
