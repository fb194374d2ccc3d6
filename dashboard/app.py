"""Mounts the pages at ``/``. Everything they need is served from this machine."""

import os
from pathlib import Path

from fastapi import FastAPI

import assets
from server.hub import Hub

ASSETS = Path(assets.__file__).parent


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the dashboard to the hub's app; its other routes must be there already."""
    # Read when NiceGUI is imported; without it, NiceGUI writes into the current folder.
    os.environ["NICEGUI_STORAGE_PATH"] = str(hub.folders.cache / "nicegui")
    from nicegui import ui  # noqa: PLC0415 - after the variable is set

    from dashboard.pages import history, now, offload  # noqa: PLC0415

    ui.add_css(ASSETS / "style.css", shared=True)
    for page in (now, history, offload):
        page.add(hub)
    ui.run_with(app, title="Token Saver", dark=None, favicon="⚖", show_welcome_message=False)
