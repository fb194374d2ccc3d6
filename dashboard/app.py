"""The dashboard: mounts the pages into the hub's app.

============================  ======================================================
``/``                         what happens now
``/history``                  every offload, filtered by the address
``/offload/{id}``             all about one offload
``/batches``, ``/batch/{id}`` many tasks as one job
``/models``                   installed, loaded, being fetched
``/savings``                  what was spared and spent (``/savings.csv``: by day)
``/policy``                   approvals, rules, audit trail
``/settings``                 every setting and where it comes from
``/assets/…``                 the stylesheet and the logo
============================  ======================================================

Everything is served by the hub itself: no page asks another host for anything.
"""

import hashlib
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from nicegui import app as pages
from nicegui import ui

from dashboard.address import SPANS, HistoryAddress
from dashboard.feed import Feed
from dashboard.formats import Unit
from dashboard.pages import batches, history, models, now, offload, policy, savings, settings
from server.hub import Hub

ASSETS = Path(str(files("assets")))
RECONNECT_SECONDS = 30.0
"""How long a page whose connection broke may come back to where it was; after that it loads anew."""


def mount(app: FastAPI, hub: Hub) -> None:
    """Add the pages at ``/``. Routes that ``app`` has already go first."""
    feed = Feed(hub)
    Unit.prefer(hub.settings.ledger)
    _add_pages(hub, feed)
    _add_assets()
    # Nothing is kept there so far, but the place must never be the working directory.
    pages.storage.path = hub.folders.state / "dashboard"
    ui.run_with(
        app,
        title="Claude Token Saver",
        favicon=(ASSETS / "logo.svg").read_text(encoding="utf-8"),
        dark=None,
        language="en-US",
        # The stylesheet does it all: neither a CSS compiler in the browser nor bindings that are polled.
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_SECONDS,
        show_welcome_message=False,
    )
    pages.on_startup(feed.start)
    pages.on_shutdown(feed.stop)


def _add_pages(hub: Hub, feed: Feed) -> None:
    @ui.page("/")
    async def show_now() -> None:
        await now.show(hub, feed)

    @ui.page("/history")
    async def show_history(request: Request) -> None:
        await history.show(hub, feed, HistoryAddress.read(request.query_params))

    @ui.page("/offload/{offload_id}")
    async def show_offload(offload_id: str) -> None:
        await offload.show(hub, feed, offload_id)

    @ui.page("/batches")
    async def show_batches() -> None:
        await batches.show(hub, feed)

    @ui.page("/batch/{job_id}")
    async def show_batch(job_id: str) -> None:
        await batches.show_one(hub, feed, job_id)

    @ui.page("/models")
    async def show_models() -> None:
        await models.show(hub, feed)

    @ui.page("/savings")
    async def show_savings(time: str = "") -> None:
        await savings.show(hub, feed, time if time in SPANS else "")

    @pages.get("/savings.csv")
    async def save_savings() -> PlainTextResponse:
        return PlainTextResponse(await savings.as_csv(hub), media_type="text/csv")

    @ui.page("/policy")
    async def show_policy() -> None:
        await policy.show(hub, feed)

    @ui.page("/settings")
    async def show_settings() -> None:
        await settings.show(hub, feed)


def _add_assets() -> None:
    style = ASSETS / "style.css"
    pages.add_static_file(local_file=ASSETS / "logo.svg", url_path="/assets/logo.svg")
    pages.add_static_file(local_file=style, url_path="/assets/style.css")
    version = hashlib.sha256(style.read_bytes()).hexdigest()[:12]
    ui.add_head_html(f'<link rel="stylesheet" href="/assets/style.css?{version}">', shared=True)
