"""Opens the dashboard in the user's browser."""

import os
import sys
import webbrowser

from server.bridge.discovery import HubInfo
from server.commands.hub_client import connect
from server.commands.terminal.output import echo
from server.config.folders import Folders


def show_running(info: HubInfo, folders: Folders, *, with_page: bool) -> None:
    """Report that a hub is running and open its dashboard."""
    echo(f"Claude Token Saver {info.version} is already running at {info.url}")
    if with_page:
        open_page(connect(folders).post("/api/login")["url"])


def open_page(url: str) -> None:
    """Open the page in the user's browser and say so, or print its address if there is no browser."""
    # Without a display, Python would start a text browser in this terminal.
    has_display = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_display and webbrowser.open(url):
        echo(f"Opened {url.partition('?')[0].removesuffix('login')} in your browser.")
        echo("If no window appears: token-saver dashboard --print")
    else:
        echo(f"Open this link in a browser (it works once): {url}")
