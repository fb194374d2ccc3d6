"""The *Settings* page: settings in groups with search, connections, checks, prices, file locations."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, link
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.settings.autostart_row import AutostartRow
from dashboard.components.settings.client_connections import ClientConnections, connect_by_hand
from dashboard.components.settings.list_settings import CheckList
from dashboard.components.settings.plain_names import GROUPS
from dashboard.components.settings.project_checks import ProjectCheckList, SandboxState
from dashboard.components.settings.restart_notice import RestartNotice
from dashboard.components.settings.setting_cards import (
    AuditSwitch,
    EngineTest,
    file_locations,
    price_table,
    settings_file,
)
from dashboard.components.settings.setting_groups import SettingGroups, SettingSearch
from dashboard.hub_updates import HubUpdates
from server.common.errors import SettingsError
from server.config.settings import load_settings
from server.config.sources import Setting, list_settings
from server.hub import Hub

CARDS = (
    ("clients", "Connections"),
    ("checks", "Your own checks"),
    ("project-checks", "Project checks"),
    ("sandboxes", "Sandboxes"),
    ("transcripts", "Transcripts"),
    ("prices", "Prices"),
    ("file", "App files"),
)
"""The cards that follow the groups of settings: anchor and name."""


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    settings = await asyncio.to_thread(_written_settings, hub)
    with page_frame(hub, updates, "Settings", "/settings") as page, box("ts-settings-page"):
        _index()
        with box("ts-settings-body"):
            restart = RestartNotice(hub)
            with box("ts-settings-columns"):
                with box("ts-stack"):
                    engine = _groups(hub, updates, settings)
                with box("ts-stack"):
                    connect, checks, audit = _cards(hub)
        page.follow_changes(engine.update)
    await connect.refresh()
    await checks.refresh()
    await page.reload_on(audit.update, updates.transcript_check_changed)
    await page.reload_on(restart.load, updates.settings_changed)


def _written_settings(hub: Hub) -> tuple[Setting, ...]:
    """Return the settings as written in the file. Those awaiting a restart have their new value."""
    written = hub.settings
    with suppress(SettingsError):  # the next start reports the error, with its line
        written = load_settings(hub.folders)
    return list_settings(written, hub.folders)


def _index() -> None:
    """Show links to the groups and cards. The links stay in view while scrolling."""
    with box("ts-settings-index", "nav", "Page sections"), box("ts-settings-links"):
        for group in GROUPS:
            link(f"#settings-{group.key}", "ts-settings-link", group.name)
        box("ts-settings-rule")
        for anchor, name in CARDS:
            link(f"#settings-{anchor}", "ts-settings-link", name)
        link("/welcome", "ts-settings-link", "First steps")


def _groups(hub: Hub, updates: HubUpdates, settings: Sequence[Setting]) -> EngineTest:
    tests: list[EngineTest] = []
    search = SettingSearch(lambda words, only: search.show_count(groups.filter(words, only)))
    groups = SettingGroups(
        hub,
        settings,
        {
            "general": lambda: _start_at_login(hub, updates),
            "engine": lambda: tests.append(EngineTest(hub)),
        },
    )
    return tests[0]


def _start_at_login(hub: Hub, updates: HubUpdates) -> None:
    with box("ts-settings", "dl"):
        AutostartRow(hub, updates)


def _cards(hub: Hub) -> tuple[ClientConnections, ProjectCheckList, AuditSwitch]:
    with card("Connections", anchor="settings-clients"):
        connect = ClientConnections(hub.folders)
        connect_by_hand()
    with card("Your own checks", aside="[checks]", anchor="settings-checks"):
        CheckList(hub)
    with card("Project checks", anchor="settings-project-checks"):
        checks = ProjectCheckList(hub)
    with card("Sandboxes", anchor="settings-sandboxes"):
        SandboxState()
    with card("Check against Claude Code's transcripts", anchor="settings-transcripts"):
        audit = AuditSwitch(hub)
    prices = hub.ledger.prices
    with card("Prices", aside=f"as of {prices.dated:%d %b %Y}", anchor="settings-prices"):
        price_table(prices)
    with card("Settings file", anchor="settings-file"):
        settings_file(hub)
    with card("File locations"):
        file_locations(hub)
    return connect, checks, audit
