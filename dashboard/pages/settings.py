"""*Settings*: every setting with its value and where that comes from; prices; connecting clients."""

import asyncio
from itertools import groupby

from dashboard import formats
from dashboard.components.card import card
from dashboard.components.copy import copy_button
from dashboard.components.shell import shell
from dashboard.components.text import box, text
from dashboard.feed import Feed
from dashboard.sources import Setting, list_settings
from server.hub import Hub
from server.ledger.prices import Prices
from server.settings import Settings
from server.welcome import connect_line

SOURCES = {"default": "default", "file": "config.toml", "environment": "environment"}


async def show(hub: Hub, feed: Feed) -> None:
    """Fill the page."""
    settings = await asyncio.to_thread(list_settings, hub.settings, hub.folders)
    with shell(hub, feed, "Settings", "/settings"), box("two-columns"):
        with box("stack"):
            for section, rows in groupby(settings, key=lambda each: each.section):
                with card(_heading(section), aside=f"[{section}]" if section else ""):
                    _table(list(rows))
        with box("stack"):
            with card("Change a setting"):
                _how(hub)
            with card("Connect Claude Code"):
                text("Run this once; it uses absolute paths, so that it works from everywhere:", "", "p")
                text(connect_line(), "command", "code")
                copy_button(connect_line(), "Copy the command that connects Claude Code")
                text("Other clients: token-saver connect --help", "sub", "p")
            with card("Prices", aside=f"of {hub.ledger.prices.dated:%d %b %Y}"):
                _prices(hub.ledger.prices)
            with card("Files"):
                _files(hub)


def _heading(section: str) -> str:
    if not section:
        return "The app"
    kind = type(getattr(Settings.model_fields[section], "default", None))
    meaning = (kind.__doc__ or "").partition(": ")[2].splitlines()[0].rstrip(".")
    return meaning[:1].upper() + meaning[1:] or section.capitalize()


def _table(rows: list[Setting]) -> None:
    with box("settings", "dl"):
        for row in rows:
            with box("setting"):
                with box("", "dt"):
                    text(row.name, "mono")
                    text(row.description, "sub")
                with box("", "dd"):
                    text(row.value, "setting-value")
                    text(SOURCES[row.source], f"tag tag-{row.source}", title=_where(row))


def _where(row: Setting) -> str:
    if row.source == "environment":
        return f"Set by {row.variable}, which goes before the file: change it there."
    return f"The environment variable {row.variable} would go before it."


def _how(hub: Hub) -> None:
    text("Write it into this file, then start the app again:", "", "p")
    text(str(hub.folders.config_file), "command", "code")
    text('[offload]\nrepair_rounds = 1\n\n[checks]\ntest = "uv run pytest -q {file}"', "command pre", "pre")
    text(
        "A variable of the environment goes before the file. A mistake in the file is named with its line, "
        "and the app does not start until it is mended.",
        "sub",
        "p",
    )


def _prices(prices: Prices) -> None:
    with box("receipt", "table"):
        with box("", "thead"), box("", "tr"):
            for name in ("Per million tokens", "Input", "Cache write", "Cache read", "Output"):
                text(name, tag="th").props["scope"] = "col"
        with box("", "tbody"):
            for model in prices.models:
                price = prices.find(model)
                with box("", "tr"):
                    text(model, tag="th").props["scope"] = "row"
                    for amount in (price.input, price.cache_write, price.cache_read, price.output):
                        text(formats.money(int(amount * 1_000_000)), "num", "td")


def _files(hub: Hub) -> None:
    folders = hub.folders
    facts = (
        ("Settings", folders.config_file),
        ("Policy", folders.policy_file),
        ("Prices", folders.prices_file),
        ("History", folders.database),
        ("Models", folders.models),
        ("Log", folders.log_file),
    )
    with box("facts", "dl"):
        for name, path in facts:
            with box("fact"):
                text(name, tag="dt")
                text(str(path), "mono", "dd")
