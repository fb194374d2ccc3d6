"""*Settings*: every setting with its value and where that comes from; prices; connecting clients."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, link, text
from dashboard.components.controls.notices import run_action
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.settings.autostart_row import AutostartRow
from dashboard.components.settings.client_connections import ClientConnections, connect_by_hand
from dashboard.components.settings.list_settings import CheckList, ListSetting
from dashboard.components.settings.setting_row import SettingRow
from dashboard.hub_updates import HubUpdates
from dashboard.setting_sources import Setting, list_settings
from server.common.errors import BackendFailed
from server.config.settings import Settings
from server.hub import Hub
from server.ledger.prices import Prices
from server.state.snapshot import Snapshot


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    settings = await asyncio.to_thread(list_settings, hub.settings, hub.folders)
    with page_frame(hub, updates, "Settings", "/settings") as page, box("settings-page"):
        _index(settings)
        connect, engine, audit = _columns(hub, updates, settings)
        page.follow_changes(engine.update)
    await connect.look()
    await page.follow(audit.update, updates.transcript_check_changed)


def _index(settings: Sequence[Setting]) -> None:
    """Show links to the sections."""
    with box("sections", "nav", "Sections of this page"):
        for section in dict.fromkeys(each.section for each in settings):
            link(f"#{_anchor(section)}", "", section or "the app").props["title"] = _heading(section)
            if not section:
                link("#settings-checks", "", "checks")
        link("#settings-clients", "", "clients")
        link("#settings-prices", "", "prices")


def _anchor(section: str) -> str:
    return f"settings-{section or 'app'}"


def _columns(
    hub: Hub, updates: HubUpdates, settings: Sequence[Setting]
) -> tuple[ClientConnections, "EngineTest", "AuditSwitch"]:
    with box("two-columns"):
        with box("stack"):
            for section, rows in groupby(settings, key=lambda each: each.section):
                aside = f"[{section}]" if section else ""
                with card(_heading(section), aside=aside, anchor=_anchor(section)), box("settings", "dl"):
                    if not section:
                        AutostartRow(hub, updates)
                    for row in rows:
                        _line(hub, row)
                if not section:
                    with card("Checks of your own", aside="[checks]", anchor="settings-checks"):
                        CheckList(hub)
        with box("stack"):
            with card("First steps"):
                link("/welcome", "", "The machine, the engine, a model, Claude Code, a first offload")
            with card("Engine"):
                engine = EngineTest(hub)
            with card("Connect clients", anchor="settings-clients"):
                connect = ClientConnections(hub.folders)
                connect_by_hand()
            with card("Check against Claude Code's transcripts"):
                audit = AuditSwitch(hub)
            with card("The file"):
                _how(hub)
            with card("Prices", aside=f"of {hub.ledger.prices.dated:%d %b %Y}", anchor="settings-prices"):
                _prices(hub.ledger.prices)
            with card("Files"):
                _files(hub)
    return connect, engine, audit


class EngineTest:
    """The engine as last seen, and a button that asks it now."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._words = text("", "", "p")
        with box("actions"):
            button("Test the engine", self._test, icon="network_check")

    def update(self, snapshot: Snapshot) -> None:
        """Show what is known of it."""
        view = snapshot.engine
        models = formats.count(len(view.installed), "model")
        self._words.set_text(view.error or f"{view.label} answers and has {models}.")

    async def _test(self) -> None:
        async def ask() -> None:
            await self._hub.engine.refresh(installed=True)
            await self._hub.engine.use()  # one that did not answer is looked for once more
            if said := self._hub.engine.view().error:
                raise BackendFailed(said, "Then test it again.")

        await run_action(ask(), "The engine answers.")
        self.update(self._hub.snapshot())


class AuditSwitch:
    """The user's consent to reading transcripts, given and taken back."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._words = text("", "", "p")
        with box("actions"):
            self._button = button("Allow it", self._switch)

    async def update(self) -> None:
        """Show whether it is given."""
        on = self._hub.settings.savings.audit
        where = self._hub.transcript_check.folder
        self._words.set_text(
            f"Token Saver reads {where} to find what each offload truly saved."
            if on
            else f"Off. When allowed, Token Saver reads {where} to find what each offload truly saved; "
            "nothing is written there, and nothing leaves this machine."
        )
        self._button.set_text("Allow it no more" if on else "Allow it")

    async def _switch(self) -> None:
        await run_action(self._hub.switch_transcript_check(on=not self._hub.settings.savings.audit))


def _line(hub: Hub, setting: Setting) -> None:
    if setting.kind == "list":
        ListSetting(hub, setting)
    elif setting.kind != "checks":
        SettingRow(hub, setting)


def _heading(section: str) -> str:
    if not section:
        return "The app"
    kind = type(getattr(Settings.model_fields[section], "default", None))
    meaning = (kind.__doc__ or "").partition(": ")[2].splitlines()[0].rstrip(".")
    return meaning[:1].upper() + meaning[1:] or section.capitalize()


def _how(hub: Hub) -> None:
    text("All settings can be written into this file, too; then they hold at the next start:", "", "p")
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
