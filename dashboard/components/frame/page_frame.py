"""The frame around every page: navigation, the app's state, the banner."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import Event, ui
from nicegui.elements.mixins.text_element import TextElement

from dashboard import formats
from dashboard.app_status import headline
from dashboard.components.controls.elements import box, icon, link, set_prop, text
from dashboard.components.controls.notices import show_unexpected
from dashboard.components.frame.appearance import follow_appearance
from dashboard.components.frame.banner import Banner
from dashboard.components.frame.commands import Commands
from dashboard.components.frame.pause_button import PauseButton
from dashboard.components.frame.refresher import Refresher
from dashboard.components.frame.state_chip import StateChip
from dashboard.components.frame.tab_title import TabTitle
from dashboard.components.live.clock import Clock
from dashboard.components.live.page_visibility import PageVisibility
from dashboard.hub_updates import HubUpdates
from server.hub import Hub
from server.state.snapshot import Snapshot

PAGES = (
    ("/", "Now", "bolt"),
    ("/history", "History", "history"),
    ("/review", "Review", "rate_review"),
    ("/batches", "Batches", "layers"),
    ("/models", "Models", "memory"),
    ("/savings", "Savings", "savings"),
    ("/context", "Context", "data_usage"),
    ("/digests", "Digests", "compress"),
    ("/policy", "Policy", "shield"),
    ("/settings", "Settings", "settings"),
)
"""The pages in the navigation: path, name, icon."""
FIRST_PAGES = 4
"""Number of pages in the bar of a narrow window. The others follow after a press of "More"."""


@dataclass(frozen=True)
class Page:
    """What a page uses to show its content and keep it up to date."""

    hub: Hub
    updates: HubUpdates
    clock: Clock
    banner: Banner
    visibility: PageVisibility

    def follow_changes(self, update: Callable[[Snapshot], None], *events: Event[Snapshot]) -> None:
        """Run ``update`` now, after every change (or only after ``events``), and when the page becomes
        visible.

        ``update`` is never called while the page is hidden.
        """

        def update_visible(snapshot: Snapshot) -> None:
            if self.visibility.page_visible:
                update(snapshot)

        update(self.hub.snapshot())
        for event in events or (self.updates.changed,):
            event.subscribe(update_visible)
        self.visibility.became_visible.subscribe(lambda: update(self.hub.snapshot()))

    async def reload_on(
        self,
        load: Callable[[], Awaitable[object]],
        *events: Event[[]],
        requested: Event[[]] | None = None,
        later: bool = False,
    ) -> None:
        """Run ``load`` now (with ``later``: once the page is visible), after ``events``, and immediately on
        ``requested``.

        ``Refresher`` sets the pace.
        """
        refresher = Refresher(load, self.banner, self.visibility)
        for event in events:
            event.subscribe(refresher.refresh)
        if requested is not None:
            requested.subscribe(refresher.refresh_now)
        self.visibility.became_visible.subscribe(refresher.catch_up)
        self.updates.second_passed.subscribe(refresher.retry)
        if later:
            ui.timer(0.01, refresher.refresh, once=True, immediate=False)
        else:
            await refresher.refresh()


@contextmanager
def page_frame(hub: Hub, updates: HubUpdates, title: str, section: str) -> Iterator[Page]:
    """Open a page. ``section`` is the path of its navigation entry."""
    ui.on_exception(show_unexpected)
    tab = TabTitle(title)
    with box("ts-app"):
        asking = _navigation(hub, section)
        with box("ts-column"):
            with box("ts-topbar", "header"):
                text(title, tag="h1")
                chip = StateChip()
                pause = PauseButton(hub)
                commands = Commands(hub)
            _lost_hub()
            banner = Banner(hub)
            main = box("ts-main", "main")
    # NiceGUI wraps the page in a <main> element of its own. A page should have only one.
    around = ui.context.client.content.parent_slot
    if around is not None:
        around.parent.props["role"] = "presentation"
    ui.skip_link("Skip to the page's content", target=main)

    def update(snapshot: Snapshot) -> None:
        words = headline(snapshot)
        chip.update(words)
        tab.update(snapshot)
        waiting = len(snapshot.approvals)
        asking.set_text(str(waiting or ""))
        set_prop(asking, "aria-label", formats.count(waiting, "call") + " to approve" if waiting else "")
        asking.set_visibility(waiting > 0)
        banner.update(words)
        pause.update(paused=snapshot.paused_until is not None)
        commands.update(snapshot)

    with main:
        follow_appearance(hub, updates)
        visibility = PageVisibility(updates)
        page = Page(hub, updates, Clock(updates, visibility), banner, visibility)
        page.follow_changes(update)
        updates.second_passed.subscribe(banner.refresh)
        yield page


def _lost_hub() -> None:
    """Explain how to reconnect. The stylesheet hides this text while the browser is connected to the hub."""
    with box("ts-banner ts-banner-error ts-lost"):
        icon("power_off", "ts-banner-icon")
        with box("ts-lost-words"):
            text("Token Saver is not running. Start it from your applications, or in a terminal with ")
            text("token-saver", "ts-lost-command", "code")
            text(". This page then reconnects automatically.")


def _navigation(hub: Hub, section: str) -> TextElement:
    """Show the pages. Return the badge with the number of calls awaiting approval."""
    with box("ts-rail", "nav", "Pages"), box("ts-rail-inside"):
        badge = text("", "ts-badge")
        with link("/", "ts-brand"):
            logo = box("ts-brand-logo", "img")
            logo.props["src"] = "/assets/logo.svg"
            logo.props["alt"] = ""
            text("Token Saver", "ts-brand-name")
        for number, (path, name, picture) in enumerate(PAGES):
            with link(path, f"ts-nav-item {'' if number < FIRST_PAGES else 'ts-nav-later'}") as entry:
                if path == section:
                    entry.props["aria-current"] = "page"
                icon(picture)
                text(name, "ts-nav-name")
                if path == "/policy":
                    badge.move(entry)
        _more_pages()
        with box("ts-rail-foot"):
            text(f"Version {hub.version}")
            # ``keys.js`` opens the list.
            with box("ts-rail-keys", "button") as keys:
                keys.props.update({"type": "button", "title": "Show the keys (?)"})
                text("Keys ")
                text("?", "ts-key", "kbd")
    return badge


def _more_pages() -> None:
    """Show the button for the other pages, which only a narrow window needs. ``navigation.js`` opens it."""
    with box("ts-nav-item ts-nav-more", "button") as more:
        more.props["type"] = "button"
        more.props["aria-expanded"] = "false"
        icon("more_horiz")
        text("More", "ts-nav-name")
