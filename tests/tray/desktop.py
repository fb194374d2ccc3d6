"""A real desktop without a screen: X server, session bus, xfce4-panel, mouse, pixels."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops
from Xlib import XK, X, display
from Xlib.ext import xtest

from tests.system import require
from tests.tray.panel import PATIENCE, SessionBus, session_bus

WIDTH, HEIGHT = 640, 480
PANEL_HEIGHT = 28
PANEL_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="28"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""

Box = tuple[int, int, int, int]


class Desktop:
    """The screen, the mouse and the panel."""

    def __init__(self, name: str, bus: SessionBus) -> None:
        self.bus = bus
        self._display = display.Display(name)
        self._panel: subprocess.Popen[bytes] | None = None

    def start_panel(self) -> None:
        """Start xfce4-panel and wait until it is visible."""
        before = self.screen()
        command = ["xfce4-panel", "--disable-wm-check", "--sm-client-disable"]
        self._panel = subprocess.Popen(command, env=self.bus.environment)
        self.until(lambda: ImageChops.difference(before, self.screen()).getbbox(), "the panel")
        self.settle()

    def kill_panel(self) -> None:
        """Kill the panel, as in a crash."""
        assert self._panel is not None
        self._panel.kill()
        self._panel.wait()
        self._panel = None

    def screen(self) -> Image.Image:
        """Return a picture of the screen."""
        raw = self._display.screen().root.get_image(0, 0, WIDTH, HEIGHT, X.ZPixmap, 0xFFFFFFFF)
        return Image.frombytes("RGB", (WIDTH, HEIGHT), raw.data, "raw", "BGRX")

    def panel(self) -> Image.Image:
        """Return the panel's part of the screen."""
        return self.screen().crop((0, 0, WIDTH, PANEL_HEIGHT))

    def find(self, colour: tuple[int, int, int]) -> Box | None:
        """Return the bounding box of (nearly) this colour on the panel, or None."""
        return self._near(colour).getbbox()

    def amount(self, colour: tuple[int, int, int]) -> int:
        """Return the number of pixels of (nearly) this colour on the panel."""
        return self._near(colour).histogram()[255]

    def _near(self, colour: tuple[int, int, int]) -> Image.Image:
        away = ImageChops.difference(self.panel(), Image.new("RGB", (WIDTH, PANEL_HEIGHT), colour))
        near = away.point(lambda value: 255 if value < 24 else 0).split()
        return ImageChops.multiply(ImageChops.multiply(near[0], near[1]), near[2])

    def wait_for(self, colour: tuple[int, int, int]) -> Box:
        """Wait for an icon of this colour on the panel and return its box."""
        self.until(lambda: (box := self.find(colour)) and box[2] - box[0] > 8, f"colour {colour}")
        self.settle()
        box = self.find(colour)
        assert box is not None
        return box

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Move the mouse there in small steps and click."""
        xtest.fake_input(self._display, X.MotionNotify, x=x, y=y)
        self._display.sync()
        time.sleep(0.1)
        xtest.fake_input(self._display, X.ButtonPress, button)
        xtest.fake_input(self._display, X.ButtonRelease, button)
        self._display.sync()

    def press(self, *keys: int) -> None:
        """Press keys one after another, given as X keysyms."""
        for key in keys:
            code = self._display.keysym_to_keycode(key)
            xtest.fake_input(self._display, X.KeyPress, code)
            xtest.fake_input(self._display, X.KeyRelease, code)
            self._display.sync()
            time.sleep(0.05)

    def menu(self, x: int, y: int, *keys: int) -> None:
        """Open the menu of the icon at this place and choose an entry with these keys and Return.

        The panel closes an open menu when the app changes it. A user then opens it again.
        """
        before = self.screen()
        self.click(x, y, button=3)
        while self.opened(before) is None:
            before = self.screen()
            self.click(x, y, button=3)
        self.press(*keys)
        self.settle()
        self.keep("menu")
        self.press(XK.XK_Return)

    def opened(self, before: Image.Image) -> Box | None:
        """Wait until a menu below the panel stops moving and return its box, or None if it closed again."""
        area = (0, PANEL_HEIGHT, WIDTH, HEIGHT)
        self.until(
            lambda: (box := _changed(before.crop(area), self.screen().crop(area))) and box[3] - box[1] > 40,
            "the menu",
        )
        self.settle()
        box = _changed(before.crop(area), self.screen().crop(area))
        return box and (box[0], box[1] + PANEL_HEIGHT, box[2], box[3] + PANEL_HEIGHT)

    def settle(self) -> None:
        """Wait until the screen stops changing."""
        last, still = self.screen(), 0
        for _ in range(150):
            time.sleep(0.1)
            now = self.screen()
            # A panel on a busy machine pauses in the middle of drawing.
            still = still + 1 if _changed(last, now) is None else 0
            if still == 3:
                return
            last = now

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until the condition is true."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                self.keep("missing")
                raise AssertionError(f"{what} did not appear on the screen")
            time.sleep(0.05)

    def keep(self, name: str) -> None:
        """Save a picture of the screen if ``TOKEN_SAVER_TEST_PICTURES`` names a folder."""
        if folder := os.environ.get("TOKEN_SAVER_TEST_PICTURES"):
            self.screen().save(Path(folder) / f"{name}.png")

    def close(self) -> None:
        """Stop the panel and close the display."""
        if self._panel is not None:
            self.kill_panel()
        self._display.close()


@contextmanager
def desktop(home: Path) -> Iterator[Desktop]:
    """Run a separate desktop with a panel."""
    require("Xvfb", "dbus-daemon", "xfce4-panel", "xfconf-query")
    settings = home / "config" / "xfce4" / "xfconf" / "xfce-perchannel-xml"
    settings.mkdir(parents=True)
    (settings / "xfce4-panel.xml").write_text(PANEL_SETTINGS)
    with _x_server() as name, session_bus(home, DISPLAY=name, GTK_A11Y="none", NO_AT_BRIDGE="1") as bus:
        scene = Desktop(name, bus)
        try:
            scene.start_panel()
            yield scene
        finally:
            scene.close()


@contextmanager
def _x_server() -> Iterator[str]:
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL) as server:
        os.close(writer)
        try:
            with os.fdopen(reader) as pipe:
                yield f":{pipe.readline().strip()}"
        finally:
            server.terminate()


def _changed(one: Image.Image, other: Image.Image) -> Box | None:
    return ImageChops.difference(one, other).getbbox()
