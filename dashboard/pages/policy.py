"""*Policy*: calls that wait for the user, the rules in force and where each stands, the audit trail."""

from typing import Any

from nicegui import Event, ui
from nicegui.events import ValueChangeEventArguments

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList, RebuiltSection
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.approval_list import ApprovalList
from dashboard.hub_updates import HubUpdates
from server.config.settings import PathsSettings
from server.hub import Hub
from server.policy.rules.describe import FORMATS, describe_rule, path_rules
from server.policy.rules.policy_file import SHIPPED, Loaded
from server.policy.trail import KINDS, Record
from server.policy.values import EVERY_TOOL, Rule

ROWS = 50
"""Rows of the trail that are shown at first, and more at each click."""


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    with page_frame(hub, updates, "Policy", "/policy") as page, box("two-columns"):
        with box("stack"):
            with card("Waiting for you"):
                nothing = text(
                    "Nothing waits. A call that a rule wants approved is shown here and in the tray.",
                    "sub",
                    "p",
                )
                waiting = ApprovalList(hub, page.clock)
            with card("Audit trail"):
                trail = TrailList(page)
        with box("stack"), card("Rules in force"):
            rules = RebuiltSection(box())

    async def update() -> None:
        nothing.set_visibility(waiting.update() == 0)
        loaded = hub.gate.file.current()
        rules.show(loaded, lambda: _rules(loaded, hub.settings.paths))

    await page.follow(update, updates.policy_changed)
    await page.follow(trail.load, updates.policy_changed, updates.history_changed, asked=trail.asked)


class TrailList:
    """The newest rows of the trail that hold what is searched for."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._text = ""
        self._kind = ""
        self._ruled = True
        self._most = ROWS
        self.asked = Event[[]]()
        """Something else is searched for."""
        with box("load"):
            search = (
                ui.input("Search the trail").props("outlined dense clearable debounce=300").classes("grow")
            )
            search.on_value_change(self._search)
            kinds = ui.select({"": "Everything", **{kind: kind for kind in KINDS}}, value="", label="Kind")
            kinds.props("outlined dense options-dense").on_value_change(self._choose)
            button("Verify", self._verify, icon="verified_user", label="Verify that the trail is whole")
        every = ui.switch("Also calls that no rule concerns", value=False)
        set_prop(every, "aria-label", "Also calls that no rule concerns")
        every.on_value_change(self._take_in)
        self._verdict = text("", "sub", "p")
        with box("trail"):
            self._rows = KeyedList[Record](
                box("rows", "ul"), lambda row: row.seq, lambda row: _Row(row, page.clock)
            )
            with box() as self._nothing:
                empty("Nothing is recorded that matches.")
            self._more = button("Show more", self._show_more, look="quiet", label="Show more of the trail")

    async def load(self) -> None:
        """Read the rows and show them."""
        rows = await self._page.hub.gate.trail.search(
            self._text, self._kind, self._most + 1, ruled=self._ruled
        )
        self._rows.update(rows[: self._most])
        self._more.set_visibility(len(rows) > self._most)
        self._nothing.set_visibility(not rows)

    def _search(self, event: ValueChangeEventArguments[Any]) -> None:
        self._text = (event.value or "").strip()
        self.asked.emit()

    def _choose(self, event: ValueChangeEventArguments[Any]) -> None:
        self._kind = event.value or ""
        self.asked.emit()

    def _take_in(self, event: ValueChangeEventArguments[Any]) -> None:
        self._ruled = not event.value
        self.asked.emit()

    def _show_more(self) -> None:
        self._most += ROWS
        self.asked.emit()

    async def _verify(self) -> None:
        found = await self._page.hub.gate.trail.verify()
        whole = f"The trail is whole: {formats.count(found.rows, 'row')}, each chained to the one before."
        self._verdict.set_text(found.problem or whole)


class _Row:
    def __init__(self, row: Record, clock: Clock) -> None:
        with box("trail-row", "li") as self.element:
            clock.ago(row.at, "sub")
            text(row.kind, "tag")
            with box("grow"):
                text(row.text, "trail-text", "p")
                about = (row.tool, row.verdict, row.client, row.project)
                text(" · ".join(part for part in about if part), "sub", "p")

    def update(self, _row: Record) -> None:
        """What is recorded never changes."""


def _rules(loaded: Loaded, paths: PathsSettings) -> None:
    policy = loaded.policy
    own = loaded.path != SHIPPED
    where = (
        f"{loaded.path} (written as {FORMATS[policy.format]})"
        if own
        else "The app's own rules, until you write policy.yaml."
    )
    text(where, "sub", "p")
    if loaded.error:
        text(f"{loaded.error} {loaded.until_then}", "job-reason", "p")
    if policy.description:
        text(policy.description, "rules-default", "p")
    text(
        f"What no rule speaks of is {'allowed' if policy.default == 'allow' else 'denied'}.",
        "rules-default",
        "p",
    )
    if policy.hide:
        text(f"Hidden from clients: {', '.join(sorted(policy.hide))}", "sub", "p")
    _path_rules(paths)
    for tool, rules in policy.tools.items():
        if rules:
            with box("rules"):
                text("every tool" if tool == EVERY_TOOL else tool, "mono", "h3")
                with box("", "ul"):
                    for rule in rules:
                        _rule(rule, loaded.path.name if own else "")


def _rule(rule: Rule, file: str) -> None:
    with box("rule", "li"):
        text(rule.name, "rule-name")
        text(describe_rule(rule))
        if file and rule.line:
            text(f"{file}, line {rule.line}", "sub num")


def _path_rules(paths: PathsSettings) -> None:
    with box("path-rules"):
        text("Files, whatever the rules below say", tag="h3")
        with box("", "ul"):
            for words in path_rules(paths):
                with box("rule", "li"):
                    text(words)
        text("From [paths] in config.toml.", "sub", "p")
