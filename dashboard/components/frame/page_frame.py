"""What every page has: the way to the other pages, the state of the app, what needs the user."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import Event, ui

from dashboard.app_status import headline
from dashboard.components.controls.elements import box, icon, link, text
from dashboard.components.frame.appearance import follow_appearance
from dashboard.components.frame.banner import Banner
from dashboard.components.frame.pause_button import PauseButton
from dashboard.components.frame.refresher import Refresher
from dashboard.components.frame.state_chip import StateChip
from dashboard.components.live.clock import Clock
from dashboard.components.live.page_visibility import PageVisibility
from dashboard.hub_updates import HubUpdates
from server.hub import Hub
from server.state.snapshot import Snapshot

PAGES = (
    ("/", "Now", "bolt"),
    ("/history", "History", "history"),
    ("/batches", "Batches", "layers"),
    ("/models", "Models", "memory"),
    ("/savings", "Savings", "savings"),
    ("/policy", "Policy", "shield"),
    ("/settings", "Settings", "settings"),
)
"""The pages of the navigation: path, name, icon."""


@dataclass(frozen=True)
class Page:
    """What a page needs to show itself and to stay true."""

    hub: Hub
    updates: HubUpdates
    clock: Clock
    banner: Banner
    visibility: PageVisibility

    def follow_changes(self, update: Callable[[Snapshot], None], *news: Event[Snapshot]) -> None:
        """Run ``update`` now, at every change or at the ``news`` given, and when the page is seen again;
        never while nobody sees it."""

        def update_seen(snapshot: Snapshot) -> None:
            if self.visibility.page_visible:
                update(snapshot)

        update(self.hub.snapshot())
        for event in news or (self.updates.changed,):
            event.subscribe(update_seen)
        self.visibility.became_visible.subscribe(lambda: update(self.hub.snapshot()))

    async def follow(
        self,
        load: Callable[[], Awaitable[object]],
        *news: Event[[]],
        asked: Event[[]] | None = None,
        later: bool = False,
    ) -> None:
        """Run ``load`` now (``later``: when the page is shown), at all news, and where the user ``asked``
        for it without delay: see ``Refresher``."""
        refresher = Refresher(load, self.banner, self.visibility)
        for event in news:
            event.subscribe(refresher.run)
        if asked is not None:
            asked.subscribe(refresher.hurry)
        self.visibility.became_visible.subscribe(refresher.catch_up)
        self.updates.second_passed.subscribe(refresher.heal)
        if later:
            ui.timer(0.01, refresher.run, once=True, immediate=False)
        else:
            await refresher.run()


@contextmanager
def page_frame(hub: Hub, updates: HubUpdates, title: str, section: str) -> Iterator[Page]:
    """Open a page. ``section`` is the path of the page in the navigation that it belongs to."""
    ui.page_title(f"{title} · Claude Token Saver")
    with box("app"):
        _navigation(hub, section)
        with box("column"):
            with box("topbar", "header"):
                text(title, tag="h1")
                chip = StateChip()
                pause = PauseButton(hub)
            banner = Banner(hub)
            main = box("main", "main")
    # NiceGUI's own page element is a <main> as well, around everything: there shall be one.
    around = ui.context.client.content.parent_slot
    if around is not None:
        around.parent.props["role"] = "presentation"
    ui.skip_link("Skip to the page's content", target=main)

    def update(snapshot: Snapshot) -> None:
        words = headline(snapshot)
        chip.update(words)
        banner.update(words)
        pause.update(paused=snapshot.paused_until is not None)

    with main:
        follow_appearance(hub, updates)
        visibility = PageVisibility(updates)
        page = Page(hub, updates, Clock(updates, visibility), banner, visibility)
        page.follow_changes(update)
        updates.second_passed.subscribe(banner.look)
        yield page


def _navigation(hub: Hub, section: str) -> None:
    with box("rail", "nav", "Pages"), box("rail-inside"):
        with link("/", "brand"):
            logo = box("brand-logo", "img")
            logo.props["src"] = "/assets/logo.svg"
            logo.props["alt"] = ""
            text("Token Saver", "brand-name")
        for path, name, picture in PAGES:
            with link(path, "nav-item") as entry:
                if path == section:
                    entry.props["aria-current"] = "page"
                icon(picture)
                text(name, "nav-name")
        text(f"Version {hub.version}", "rail-foot")
