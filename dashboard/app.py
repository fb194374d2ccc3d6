"""The dashboard: the pages as an app, which the hub mounts into its own.

============================  ======================================================
``/``                         what happens now
``/history``                  every offload, filtered by the address
``/offload/{id}``             all about one offload
``/batches``, ``/batch/{id}`` many tasks as one job
``/models``                   installed, loaded, being fetched
``/savings``                  what was spared and spent (``/savings.csv``: by day)
``/policy``                   approvals, rules, audit trail
``/settings``                 every setting and where it comes from
``/welcome``                  the first steps, until they are done
``/assets/…``                 the stylesheet and the logo
============================  ======================================================

Everything is served by the hub itself: no page asks another host for anything.
"""

import contextlib
import hashlib
from collections.abc import Awaitable
from functools import partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from nicegui import app as pages
from nicegui import ui

from dashboard.components.frame.appearance import DARK
from dashboard.formats import Unit
from dashboard.history_address import SPANS, HistoryAddress
from dashboard.hub_updates import HubUpdates
from dashboard.pages import (
    batches,
    error_page,
    history,
    models,
    now,
    offload,
    policy,
    savings,
    settings,
    welcome,
)
from server.common.errors import StoreError, TokenSaverError
from server.hub import Hub
from server.web.dashboard_mount import Dashboard

ASSETS = Path(str(files("assets")))
RECONNECT_SECONDS = 30.0
"""How long a page whose connection broke may come back to where it was; after that it loads anew."""

PAGE_SECONDS = 30.0
"""How long a page may take to read what it shows: a busy machine is slow to, and NiceGUI's own three seconds
would make an error of that."""


def build_dashboard(hub: Hub) -> Dashboard:
    """Return the pages. Once in a process: NiceGUI knows one app."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    updates = HubUpdates(hub)
    Unit.prefer(hub.settings.ledger)
    _add_pages(hub, updates)
    _add_assets()
    # Nothing is kept there so far, but the place must never be the working directory.
    pages.storage.path = hub.folders.state / "dashboard"
    # Quasar's bar for requests under way has no name for a screen reader, and says nothing that pages do not.
    pages.config.quasar_config["loadingBar"]["skipHijack"] = True
    ui.run_with(
        app,
        title="Claude Token Saver",
        favicon=(ASSETS / "logo.svg").read_text(encoding="utf-8"),
        dark=DARK[hub.settings.appearance],
        language="en-US",
        # The stylesheet does it all: neither a CSS compiler in the browser nor bindings that are polled.
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        show_welcome_message=False,
    )
    pages.on_startup(updates.start)
    pages.on_shutdown(updates.stop)
    # Not the lifespan that `run_with` made for `app`: that looks through all objects there are, for a server
    # that nothing here needs, and CPython 3.11 may fail to build a tuple in another thread meanwhile
    # (`SystemError`). Within it is this one.
    return Dashboard(app, lambda: pages.router.lifespan_context(pages))


def _add_pages(hub: Hub, updates: HubUpdates) -> None:
    page = partial(ui.page, response_timeout=PAGE_SECONDS)

    async def or_error_page(section: str, filled: Awaitable[None]) -> None:
        try:
            await filled
        except TokenSaverError as error:
            error_page.show(hub, updates, section, error)

    async def wants_welcome() -> bool:
        with contextlib.suppress(StoreError):  # the page itself says what is wrong with the history
            return await welcome.is_wanted(hub)
        return False

    @page("/")
    async def show_now() -> Response | None:
        if await wants_welcome():
            return RedirectResponse("/welcome")
        await or_error_page("/", now.show(hub, updates))
        return None

    @page("/history")
    async def show_history(request: Request) -> None:
        address = HistoryAddress.read(request.query_params)
        await or_error_page("/history", history.show(hub, updates, address))

    @page("/offload/{offload_id}")
    async def show_offload(offload_id: str) -> None:
        await or_error_page("/history", offload.show(hub, updates, offload_id))

    @page("/batches")
    async def show_batches() -> None:
        await or_error_page("/batches", batches.show(hub, updates))

    @page("/batch/{job_id}")
    async def show_batch(job_id: str) -> None:
        await or_error_page("/batches", batches.show_one(hub, updates, job_id))

    @page("/models")
    async def show_models() -> None:
        await or_error_page("/models", models.show(hub, updates))

    @page("/savings")
    async def show_savings(time: str = "") -> None:
        await or_error_page("/savings", savings.show(hub, updates, time if time in SPANS else ""))

    @pages.get("/savings.csv")
    async def save_savings() -> PlainTextResponse:
        return PlainTextResponse(await savings.as_csv(hub), media_type="text/csv")

    @page("/policy")
    async def show_policy() -> None:
        await or_error_page("/policy", policy.show(hub, updates))

    @page("/settings")
    async def show_settings() -> None:
        await or_error_page("/settings", settings.show(hub, updates))

    @page("/welcome")
    async def show_welcome() -> None:
        await or_error_page("/welcome", welcome.show(hub, updates))


def _add_assets() -> None:
    style = ASSETS / "style.css"
    pages.add_static_file(local_file=ASSETS / "logo.svg", url_path="/assets/logo.svg")
    pages.add_static_file(local_file=style, url_path="/assets/style.css")
    version = hashlib.sha256(style.read_bytes()).hexdigest()[:12]
    ui.add_head_html(f'<link rel="stylesheet" href="/assets/style.css?{version}">', shared=True)
