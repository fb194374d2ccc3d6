"""Opens the dashboard where the user is."""

import os
import sys
import webbrowser

import typer


def open_page(url: str) -> None:
    """Open the page in the user's browser, or print its address where there is none."""
    # Without a display Python would start a text browser in this terminal.
    has_display = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not (has_display and webbrowser.open(url)):
        typer.echo(f"Open this link in a browser (it works once): {url}")
