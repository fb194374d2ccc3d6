"""The page *Settings*: every setting with its source, client connections, prices, file locations."""

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
from dashboard.components.settings.project_checks import ProjectCheckList, SandboxState
from dashboard.components.settings.setting_row import SettingRow
from dashboard.hub_updates import HubUpdates
from server.common.errors import BackendFailed
from server.config.settings import Settings
from server.config.sources import Setting, list_settings
from server.hub import Hub
from server.ledger.prices import Prices
from server.state.snapshot import Snapshot


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    settings = await asyncio.to_thread(list_settings, hub.settings, hub.folders)
    with page_frame(hub, updates, "Settings", "/settings") as page, box("ts-settings-page"):
        _index(settings)
        connect, engine, audit, checks = _columns(hub, updates, settings)
        page.follow_changes(engine.update)
    await connect.refresh()
    await checks.refresh()
    await page.reload_on(audit.update, updates.transcript_check_changed)


def _index(settings: Sequence[Setting]) -> None:
    """Show links to the sections."""
    with box("ts-sections", "nav", "Sections of this page"):
        for section in dict.fromkeys(each.section for each in settings):
            link(f"#{_anchor(section)}", "", section or "general").props["title"] = _heading(section)
            if not section:
                link("#settings-checks", "", "checks")
        link("#settings-clients", "", "clients")
        link("#settings-prices", "", "prices")


def _anchor(section: str) -> str:
    return f"settings-{section or 'app'}"


def _columns(
    hub: Hub, updates: HubUpdates, settings: Sequence[Setting]
) -> tuple[ClientConnections, "EngineTest", "AuditSwitch", ProjectCheckList]:
    with box("ts-two-columns"):
        with box("ts-stack"):
            for section, rows in groupby(settings, key=lambda each: each.section):
                aside = f"[{section}]" if section else ""
                with card(_heading(section), aside=aside, anchor=_anchor(section)), box("ts-settings", "dl"):
                    if not section:
                        AutostartRow(hub, updates)
                    for row in rows:
                        _line(hub, row)
                if not section:
                    with card("Your own checks", aside="[checks]", anchor="settings-checks"):
                        CheckList(hub)
        with box("ts-stack"):
            with card("First steps"):
                link("/welcome", "", "Machine, engine, model, Claude Code, first offload")
            with card("Engine"):
                engine = EngineTest(hub)
            with card("Connect clients", anchor="settings-clients"):
                connect = ClientConnections(hub.folders)
                connect_by_hand()
            with card("Checks of your projects", anchor="settings-project-checks"):
                checks = ProjectCheckList(hub)
            with card("Sandboxes"):
                SandboxState()
            with card("Check against Claude Code's transcripts"):
                audit = AuditSwitch(hub)
            with card("Settings file"):
                _how(hub)
            with card("Prices", aside=f"as of {hub.ledger.prices.dated:%d %b %Y}", anchor="settings-prices"):
                _prices(hub.ledger.prices)
            with card("File locations"):
                _files(hub)
    return connect, engine, audit, checks


class EngineTest:
    """The latest state of the engine, with a button that tests it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._words = text("", "", "p")
        with box("ts-actions"):
            button("Test the engine", self._test, icon="network_check")

    def update(self, snapshot: Snapshot) -> None:
        """Show the latest state."""
        view = snapshot.engine
        models = formats.count(len(view.installed), "model")
        self._words.set_text(view.error or f"{view.label} responds and has {models}.")

    async def _test(self) -> None:
        async def ask() -> None:
            await self._hub.engine.refresh(installed=True)
            await self._hub.engine.use()  # search again for an engine that did not answer
            if error := self._hub.engine.view().error:
                raise BackendFailed(error, "Then test the engine again.")

        await run_action(ask(), "The engine responds.")
        self.update(self._hub.snapshot())


class AuditSwitch:
    """The user's consent to reading transcripts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._words = text("", "", "p")
        with box("ts-actions"):
            self._button = button("Allow", self._switch)

    async def update(self) -> None:
        """Show the current choice."""
        on = self._hub.settings.savings.audit
        where = self._hub.transcript_check.folder
        self._words.set_text(
            f"On. Token Saver reads {where} to find out what each offload really saved."
            if on
            else f"Off. If you allow the check, Token Saver reads {where} to find out what each offload "
            "really saved. The check writes nothing there, and nothing leaves this machine."
        )
        self._button.set_text("Stop reading" if on else "Allow reading")

    async def _switch(self) -> None:
        await run_action(self._hub.switch_transcript_check(on=not self._hub.settings.savings.audit))


def _line(hub: Hub, setting: Setting) -> None:
    if setting.kind == "list":
        ListSetting(hub, setting)
    elif setting.kind != "checks":
        SettingRow(hub, setting)


def _heading(section: str) -> str:
    if not section:
        return "General"
    kind = type(getattr(Settings.model_fields[section], "default", None))
    meaning = (kind.__doc__ or "").partition(": ")[2].splitlines()[0].rstrip(".")
    return meaning[:1].upper() + meaning[1:] or section.capitalize()


def _how(hub: Hub) -> None:
    text("You can also edit this file. Changes take effect when Token Saver restarts:", "", "p")
    text(str(hub.folders.config_file), "ts-command", "code")
    text(
        '[offload]\nrepair_rounds = 1\n\n[checks]\ntest = "uv run pytest -q {file}"',
        "ts-command ts-pre",
        "pre",
    )
    text(
        "Environment variables override the file. If the file contains an error, the app names the line and "
        "does not start until you fix it.",
        "ts-sub",
        "p",
    )


def _prices(prices: Prices) -> None:
    with box("ts-receipt", "table"):
        with box("", "thead"), box("", "tr"):
            for name in ("Per million tokens", "Input", "Cache write", "Cache read", "Output"):
                text(name, tag="th").props["scope"] = "col"
        with box("", "tbody"):
            for model in prices.models:
                price = prices.find(model)
                with box("", "tr"):
                    text(model, tag="th").props["scope"] = "row"
                    for amount in (price.input, price.cache_write, price.cache_read, price.output):
                        text(f"${amount:,.2f}", "ts-num", "td")


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
    with box("ts-facts", "dl"):
        for name, path in facts:
            with box("ts-fact"):
                text(name, tag="dt")
                text(str(path), "ts-mono", "dd")
