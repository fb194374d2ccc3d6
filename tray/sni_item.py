"""The icon's object on the bus: ``org.kde.StatusNotifierItem``, which panels read and click."""

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
"""Pixels: what panels of 16 to 32 points take at scales 1 and 2."""

Pixmap = tuple[int, int, bytes]
"""Width, height and the pixels as ARGB32 in network byte order."""
Pixmaps = Annotated[list[Any], DBusSignature("a(iiay)")]
ToolTip = Annotated[list[Any], DBusSignature("(sa(iiay)ss)")]


def pixmaps(image: Image.Image) -> list[Pixmap]:
    """Return the image in every size that panels ask for."""
    return [pixmap(image, size) for size in SIZES]


def pixmap(image: Image.Image, size: int) -> Pixmap:
    """Return the image scaled to ``size`` x ``size`` pixels."""
    scaled = image.convert("RGBA").resize((size, size), Image.Resampling.LANCZOS)
    red, green, blue, alpha = scaled.split()
    return size, size, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()


class StatusNotifierItem(ServiceInterface):
    """What the panel shows. A click calls ``on_activate``; the menu is at ``MENU_PATH``."""

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
        """Set the one line that is shown when the pointer rests on the icon."""
        if title != self._title:
            self._title = title
            self.new_title()
            self.new_tool_tip()

    def set_pixmaps(self, images: list[Pixmap]) -> None:
        """Set the picture."""
        if images != self._pixmaps:
            self._pixmaps = images
            self.new_icon()

    @dbus_method(name="Activate")
    def activate(self, x: DBusInt32, y: DBusInt32) -> None:
        """Take a left click."""
        del x, y
        self._on_activate()

    @dbus_method(name="SecondaryActivate")
    def secondary_activate(self, x: DBusInt32, y: DBusInt32) -> None:
        """Take a middle click: the same."""
        del x, y
        self._on_activate()

    @dbus_method(name="ContextMenu")
    def context_menu(self, x: DBusInt32, y: DBusInt32) -> None:
        """Take a right click: nothing to do, since the panel shows ``Menu`` itself."""

    @dbus_method(name="Scroll")
    def scroll(self, delta: DBusInt32, orientation: DBusStr) -> None:
        """Take a turn of the wheel: nothing to do."""

    @dbus_signal(name="NewIcon")
    def new_icon(self) -> None:
        """Tell the panel to read the picture again."""

    @dbus_signal(name="NewTitle")
    def new_title(self) -> None:
        """Tell the panel to read the title again."""

    @dbus_signal(name="NewToolTip")
    def new_tool_tip(self) -> None:
        """Tell the panel to read the tooltip again."""

    @dbus_signal(name="NewStatus")
    def new_status(self) -> DBusStr:
        """Tell the panel whether the icon is to be seen."""
        return self._status

    @dbus_property(access=PropertyAccess.READ, name="Category")
    def category(self) -> DBusStr:
        """The kind of program."""
        return "ApplicationStatus"

    @dbus_property(access=PropertyAccess.READ, name="Id")
    def id(self) -> DBusStr:
        """A name that stays between sessions, by which panels remember their settings."""
        return self._name

    @dbus_property(access=PropertyAccess.READ, name="Title")
    def title(self) -> DBusStr:
        """The icon's name for people."""
        return self._title

    @dbus_property(access=PropertyAccess.READ, name="Status")
    def status(self) -> DBusStr:
        """``Active`` or ``Passive``."""
        return self._status

    @dbus_property(access=PropertyAccess.READ, name="WindowId")
    def window_id(self) -> DBusInt32:
        """No window belongs to the icon."""
        return 0

    @dbus_property(access=PropertyAccess.READ, name="IconName")
    def icon_name(self) -> DBusStr:
        """Empty: the picture is not from a theme."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="IconPixmap")
    def icon_pixmap(self) -> Pixmaps:
        """The picture in all sizes."""
        return [list(each) for each in self._pixmaps]

    @dbus_property(access=PropertyAccess.READ, name="OverlayIconName")
    def overlay_icon_name(self) -> DBusStr:
        """None: the state is in the picture."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="OverlayIconPixmap")
    def overlay_icon_pixmap(self) -> Pixmaps:
        """None."""
        return []

    @dbus_property(access=PropertyAccess.READ, name="AttentionIconName")
    def attention_icon_name(self) -> DBusStr:
        """None: the status is never ``NeedsAttention``."""
        return ""

    @dbus_property(access=PropertyAccess.READ, name="AttentionIconPixmap")
    def attention_icon_pixmap(self) -> Pixmaps:
        """None."""
        return []

    @dbus_property(access=PropertyAccess.READ, name="ToolTip")
    def tool_tip(self) -> ToolTip:
        """The title, without a picture."""
        return ["", [], self._title, ""]

    @dbus_property(access=PropertyAccess.READ, name="ItemIsMenu")
    def item_is_menu(self) -> DBusBool:
        """False: a left click opens the dashboard, a right click the menu."""
        return False

    @dbus_property(access=PropertyAccess.READ, name="Menu")
    def menu(self) -> DBusObjectPath:
        """Where the menu is."""
        return MENU_PATH
