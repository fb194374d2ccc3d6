"""The icon's D-Bus object, ``org.kde.StatusNotifierItem``."""

from collections.abc import Callable
from typing import Annotated, Any

from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal
from PIL import Image

INTERFACE = "org.kde.StatusNotifierItem"
ITEM_PATH = "/StatusNotifierItem"
MENU_PATH = "/MenuBar"
SIZES = (16, 22, 24, 32, 44, 48, 64)
"""Icon sizes in pixels for panels of 16 to 32 points at scales 1 and 2."""

Pixmap = tuple[int, int, bytes]
"""Width, height, and the pixels as ARGB32 in network byte order."""
Pixmaps = Annotated[list[Any], DBusSignature("a(iiay)")]
ToolTip = Annotated[list[Any], DBusSignature("(sa(iiay)ss)")]


def pixmaps(image: Image.Image) -> list[Pixmap]:
    """Return the image in every size used by panels."""
    return [pixmap(image, size) for size in SIZES]


def pixmap(image: Image.Image, size: int) -> Pixmap:
    """Return the image scaled to ``size`` x ``size`` pixels."""
    scaled = image.convert("RGBA").resize((size, size), Image.Resampling.LANCZOS)
    red, green, blue, alpha = scaled.split()
    return size, size, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()


class StatusNotifierItem(ServiceInterface):
    """The item shown by the panel. A click calls ``on_activate``; the menu is at ``MENU_PATH``."""

    def __init__(self, name: str, title: str, on_activate: Callable[[], None]) -> None:
        super().__init__(INTERFACE)
        self._name = name
        self._title = title
        self._status = "Passive"
        self._pixmaps: list[Pixmap] = []
        self._on_activate = on_activate

    def set_status(self, status: str) -> None:
        """Show (``Active``) or hide (``Passive``) the icon."""
        if status != self._status:
            self._status = status
            self.new_status()

    def set_title(self, title: str) -> None:
        """Set the tooltip, a single line."""
        if title != self._title:
            self._title = title
            self.new_title()
            self.new_tool_tip()

    def set_pixmaps(self, images: list[Pixmap]) -> None:
        """Set the image."""
        if images != self._pixmaps:
            self._pixmaps = images
            self.new_icon()

    @dbus_method(name="Activate")
    def activate(self, x: DBusInt32, y: DBusInt32) -> None:
        """Handle a left click."""
        del x, y
        self._on_activate()

    @dbus_method(name="SecondaryActivate")
    def secondary_activate(self, x: DBusInt32, y: DBusInt32) -> None:
        """Treat a middle click like a left click."""
        del x, y
        self._on_activate()

    @dbus_method(name="ContextMenu")
    def context_menu(self, x: DBusInt32, y: DBusInt32) -> None:
        """Ignore a right click: the panel shows ``Menu`` itself."""

    @dbus_method(name="Scroll")
    def scroll(self, delta: DBusInt32, orientation: DBusStr) -> None:
        """Ignore the mouse wheel."""

    @dbus_signal(name="NewIcon")
    def new_icon(self) -> None:
        """Ask the panel to reload the image."""

    @dbus_signal(name="NewTitle")
    def new_title(self) -> None:
        """Ask the panel to reload the title."""

    @dbus_signal(name="NewToolTip")
    def new_tool_tip(self) -> None:
        """Ask the panel to reload the tooltip."""

    @dbus_signal(name="NewStatus")
    def new_status(self) -> DBusStr:
        """Tell the panel whether to show the icon."""
        return self._status

    @dbus_property(access=PropertyAccess.READ, name="Category")
    def category(self) -> DBusStr:
        """The program's category."""
        return "ApplicationStatus"

    @dbus_property(access=PropertyAccess.READ, name="Id")
    def id(self) -> DBusStr:
        """A stable name; panels store their settings under it."""
        return self._name

    @dbus_property(access=PropertyAccess.READ, name="Title")
    def title(self) -> DBusStr:
        """The title shown to users."""
        return self._title

    @dbus_property(access=PropertyAccess.READ, name="Status")
    def status(self) -> DBusStr:
        """``Active`` or ``Passive``."""
        return self._status

    @dbus_property(access=PropertyAccess.READ, name="WindowId")
    def window_id(self) -> DBusInt32:
        """0: the icon has no window."""
        return 0

    @dbus_property(access=PropertyAccess.READ, name="IconName")
    def icon_name(self) -> DBusStr:
        """Empty: the image does not come from a theme."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="IconPixmap")
    def icon_pixmap(self) -> Pixmaps:
        """The image in all sizes."""
        return [list(each) for each in self._pixmaps]

    @dbus_property(access=PropertyAccess.READ, name="OverlayIconName")
    def overlay_icon_name(self) -> DBusStr:
        """Empty: the image itself shows the state."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="OverlayIconPixmap")
    def overlay_icon_pixmap(self) -> Pixmaps:
        """Empty: the icon has no overlay."""
        return []

    @dbus_property(access=PropertyAccess.READ, name="AttentionIconName")
    def attention_icon_name(self) -> DBusStr:
        """Empty: the status is never ``NeedsAttention``."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="AttentionIconPixmap")
    def attention_icon_pixmap(self) -> Pixmaps:
        """Empty: the icon never asks for attention."""
        return []

    @dbus_property(access=PropertyAccess.READ, name="ToolTip")
    def tool_tip(self) -> ToolTip:
        """The title, without an image."""
        return ["", [], self._title, ""]

    @dbus_property(access=PropertyAccess.READ, name="ItemIsMenu")
    def item_is_menu(self) -> DBusBool:
        """False: a left click opens the dashboard, a right click the menu."""
        return False

    @dbus_property(access=PropertyAccess.READ, name="Menu")
    def menu(self) -> DBusObjectPath:
        """The object path of the menu."""
        return MENU_PATH
