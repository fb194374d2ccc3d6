"""The *Settings* page: settings in groups with search, connections, checks, prices, file locations."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from nicegui.element import Element

from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, link, text
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.settings.autostart_row import AutostartRow
from dashboard.components.settings.client_connections import ClientConnections
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


async def show(hub: Hub, updates: HubUpdates, find: str = "") -> None:
    """Fill the page. ``find`` is searched for at first."""
    settings = await asyncio.to_thread(_written_settings, hub)
    with page_frame(hub, updates, "Settings", "/settings") as page, box("ts-settings-page"):
        index = _index()
        with box("ts-settings-body"):
            restart = RestartNotice(hub)
            with box("ts-settings-columns") as columns:
                with box("ts-stack"):
                    engine, search = _groups(
                        hub, updates, settings, lambda words: _filter(columns, index, words)
                    )
                with box("ts-stack"):
                    connect, checks, audit = _cards(hub)
        search.find(find)
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


def _index() -> Mapping[str, Element]:
    """Show links to the groups and cards, and return them by anchor. They stay in view while scrolling."""
    links: dict[str, Element] = {}
    with box("ts-settings-index", "nav", "Page sections"):
        # A narrow window shows the links only while this is open.
        with box("ts-fold ts-settings-fold", "details"):
            text("Sections", tag="summary")
        with box("ts-settings-links"):
            for group in GROUPS:
                links[f"settings-{group.key}"] = link(
                    f"#settings-{group.key}", "ts-settings-link", group.name
                )
            box("ts-settings-rule")
            for anchor, name in CARDS:
                links[f"settings-{anchor}"] = link(f"#settings-{anchor}", "ts-settings-link", name)
            link("/welcome", "ts-settings-link", "First steps")
    return links


def _filter(columns: Element, index: Mapping[str, Element], words: str | None) -> int:
    """Show the cards whose heading contains the words, and the links of the cards that are shown. Return the
    number of cards that are not groups of settings. ``words`` is None if there is no search. The groups of
    settings filter themselves.
    """
    others = 0
    groups = {f"settings-{group.key}" for group in GROUPS}
    for section in (each for each in columns.descendants() if "ts-card" in each.classes):
        anchor = str(section.props.get("id", ""))
        if anchor not in groups:
            heading = str(section.props["aria-label"]).lower()
            section.set_visibility(words is None or bool(words and words in heading))
            others += section.visible
        if anchor in index:
            index[anchor].set_visibility(section.visible)
    return others


def _groups(
    hub: Hub, updates: HubUpdates, settings: Sequence[Setting], on_search: Callable[[str | None], int]
) -> tuple[EngineTest, SettingSearch]:
    tests: list[EngineTest] = []

    def find(words: str, only: bool) -> None:
        count = groups.filter(words, only)
        search.show_count(count, other_cards=on_search(words if words or only else None))

    search = SettingSearch(find)
    groups = SettingGroups(
        hub,
        settings,
        {
            "general": lambda: _start_at_login(hub, updates),
            "engine": lambda: tests.append(EngineTest(hub)),
        },
    )
    return tests[0], search


def _start_at_login(hub: Hub, updates: HubUpdates) -> None:
    with box("ts-settings", "dl"):
        AutostartRow(hub, updates)


def _cards(hub: Hub) -> tuple[ClientConnections, ProjectCheckList, AuditSwitch]:
    with card("Connections", anchor="settings-clients"):
        connect = ClientConnections(hub.folders)
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
        price_table(prices, hub.settings.ledger.model)
    with card("Settings file", anchor="settings-file"):
        settings_file(hub)
    with card("File locations"):
        file_locations(hub)
    return connect, checks, audit
