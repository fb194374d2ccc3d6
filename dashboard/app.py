"""The dashboard as an ASGI app that the hub mounts.

==========================  ========================================================================
``/``                       running and latest offloads
``/history``                all offloads, with filters and order in the address
``/offload/{id}``           one offload
``/batches``                all batches
``/batch/{id}``             one batch
``/review``                 written results to keep or undo
``/models``                 installed and recommended models
``/savings``                tokens saved and spent (``/savings.csv``: by day)
``/digests``                digests of large results in Claude Code
``/context``                what fills Claude's context, with switches
``/policy``                 approvals, rules, audit trail
``/settings``               all settings with their sources
``/welcome``                first steps for new users
``/assets/…``               the stylesheet, the keys and the logo
==========================  ========================================================================

The hub serves everything itself; no page contacts another host.
"""

import contextlib
import hashlib
from collections.abc import Awaitable
from functools import partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from nicegui import app as pages
from nicegui import ui

from dashboard.components.frame.appearance import DARK
from dashboard.formats import Unit
from dashboard.history_address import HistoryAddress
from dashboard.hub_updates import HubUpdates
from dashboard.pages import (
    batches,
    context,
    digests,
    error_page,
    history,
    models,
    now,
    offload,
    palette,
    policy,
    review,
    savings,
    settings,
    welcome,
)
from dashboard.savings_chart import ChartView
from server.common.errors import StoreError, TokenSaverError
from server.hub import Hub
from server.web.dashboard_mount import Dashboard
from server.web.plain_page import plain_page

ASSETS = Path(str(files("assets")))
RECONNECT_SECONDS = 30.0
"""A page that reconnects within this many seconds resumes where it was; later, it reloads."""

PAGE_SECONDS = 30.0
"""Time limit for building a page. NiceGUI's default of three seconds is too short on a busy machine."""


def build_dashboard(hub: Hub) -> Dashboard:
    """Return the app with all pages. Call this once per process, because NiceGUI has a single global app."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.exception_handler(404)(_not_found)
    pages.exception_handler(404)(_not_found)
    updates = HubUpdates(hub)
    Unit.prefer(hub.settings.ledger)
    updates.settings_changed.subscribe(lambda: Unit.prefer(hub.settings.ledger))
    _add_pages(hub, updates)
    _add_assets()
    # NiceGUI stores nothing there today, but the folder must never be the working directory.
    pages.storage.path = hub.folders.cache / "dashboard"
    # Quasar's loading bar has no accessible name and adds nothing.
    pages.config.quasar_config["loadingBar"]["skipHijack"] = True
    ui.run_with(
        app,
        title="Claude Token Saver",
        favicon=(ASSETS / "logo.svg").read_text(encoding="utf-8"),
        dark=DARK[hub.settings.appearance],
        language="en-US",
        # One static stylesheet: no CSS compiler in the browser, no polled bindings.
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        show_welcome_message=False,
        # The browser runs on the same machine: to compress a page takes longer than to send it.
        gzip_middleware_factory=None,
    )
    pages.on_startup(updates.start)
    pages.on_shutdown(updates.stop)
    # Do not use the lifespan that `run_with` made for `app`: it searches all objects of the process for a
    # server, and CPython 3.11 can then fail in another thread (`SystemError`). `run_with` only wraps this
    # lifespan.
    return Dashboard(app, lambda: pages.router.lifespan_context(pages))


def _add_pages(hub: Hub, updates: HubUpdates) -> None:
    page = partial(ui.page, response_timeout=PAGE_SECONDS)

    async def or_error_page(section: str, content: Awaitable[None]) -> None:
        try:
            await content
        except TokenSaverError as error:
            error_page.show(hub, updates, section, error)

    async def wants_welcome() -> bool:
        with contextlib.suppress(StoreError):  # the page itself shows the history's error
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
    async def show_batch(job_id: str, show: str = "") -> None:
        await or_error_page("/batches", batches.show_one(hub, updates, job_id, show))

    @page("/review")
    async def show_review() -> None:
        await or_error_page("/review", review.show(hub, updates))

    @page("/models")
    async def show_models() -> None:
        await or_error_page("/models", models.show(hub, updates))

    @page("/savings")
    async def show_savings(request: Request) -> None:
        view = ChartView.read(request.query_params)
        await or_error_page("/savings", savings.show(hub, updates, view))

    @pages.get("/savings.csv")
    async def save_savings() -> PlainTextResponse:
        return PlainTextResponse(await savings.as_csv(hub), media_type="text/csv")

    @page("/digests")
    async def show_digests() -> None:
        await or_error_page("/digests", digests.show(hub, updates))

    @page("/context")
    async def show_context(project: str = "") -> None:
        await or_error_page("/context", context.show(hub, updates, project))

    @page("/policy")
    async def show_policy() -> None:
        await or_error_page("/policy", policy.show(hub, updates))

    @page("/settings")
    async def show_settings(find: str = "") -> None:
        await or_error_page("/settings", settings.show(hub, updates, find))

    @pages.get("/palette.json")
    async def find_entries() -> JSONResponse:
        return JSONResponse(await palette.entries(hub))

    @page("/welcome")
    async def show_welcome() -> None:
        await or_error_page("/welcome", welcome.show(hub, updates))


SCRIPTS = ("keys.js", "focus.js", "navigation.js", "fields.js", "copy.js")
"""Scripts of every page."""


async def _not_found(_request: Request, _error: Exception) -> Response:
    return plain_page(
        404,
        "This page does not exist",
        "The address may be mistyped, or it comes from an older version.",
        link="/",
    )


def _add_assets() -> None:
    style = ASSETS / "style.css"
    pages.add_static_file(local_file=ASSETS / "logo.svg", url_path="/assets/logo.svg")
    pages.add_static_file(local_file=style, url_path="/assets/style.css")
    ui.add_head_html(f'<link rel="stylesheet" href="/assets/style.css?{_version(style)}">', shared=True)
    for script in (ASSETS / name for name in SCRIPTS):
        address = f"/assets/{script.name}"
        pages.add_static_file(local_file=script, url_path=address)
        ui.add_head_html(f'<script defer src="{address}?{_version(script)}"></script>', shared=True)


def _version(file: Path) -> str:
    """Return a name for the file's content, so that a browser never keeps an older version."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
