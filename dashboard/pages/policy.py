"""The *Policy* page: pending approvals, active rules, audit trail."""

import asyncio
from collections.abc import Iterator
from typing import Any

from nicegui import Event, ui
from nicegui.events import ValueChangeEventArguments

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList, RebuiltSection
from dashboard.components.controls.notices import run_action
from dashboard.components.frame.page_frame import Page, page_frame
from dashboard.components.live.clock import Clock
from dashboard.components.offloads.approval_list import ApprovalList
from dashboard.components.policy.rule_form import RuleForm
from dashboard.hub_updates import HubUpdates
from server.config.sections import PathsSettings
from server.hub import Hub
from server.policy.rules.add_rule import first_policy, write_policy
from server.policy.rules.describe import FORMATS, describe_rule, path_rules
from server.policy.rules.policy_file import SHIPPED, Loaded, read_policy_text
from server.policy.trail import KINDS, Record
from server.policy.values import EVERY_TOOL, Policy, Rule

ROWS = 50
"""Number of trail rows shown at first and added by each click."""


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    with page_frame(hub, updates, "Policy", "/policy") as page, box("ts-two-columns"):
        with box("ts-stack"):
            with card("Waiting for you"):
                nothing = text(
                    "No calls are waiting. A call that needs your approval appears here and in the tray.",
                    "ts-sub",
                    "p",
                )
                waiting = ApprovalList(hub, page.clock)
            with card("Audit trail"):
                trail = TrailList(page)
        with box("ts-stack"), card("Active rules"):
            RuleForm(hub)
            rules = RebuiltSection(box())

    async def update() -> None:
        nothing.set_visibility(waiting.update() == 0)
        loaded = hub.gate.file.current()
        rules.show(loaded, lambda: _rules(hub, loaded))

    await page.reload_on(update, updates.policy_changed)
    await page.reload_on(
        trail.load, updates.policy_changed, updates.history_changed, requested=trail.requested
    )


class TrailList:
    """The latest rows of the trail that match the search."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._text = ""
        self._kind = ""
        self._ruled = True
        self._most = ROWS
        self.requested = Event[[]]()
        """The user changed the search."""
        with box("ts-load"):
            search = (
                ui.input("Search the trail").props("outlined dense clearable debounce=300").classes("ts-grow")
            )
            search.on_value_change(self._search)
            kinds = ui.select({"": "Everything", **{kind: kind for kind in KINDS}}, value="", label="Kind")
            kinds.props("outlined dense options-dense").on_value_change(self._choose)
            button("Verify", self._verify, icon="verified_user", label="Verify that the trail is complete")
        every = ui.switch("Include calls that no rule matched", value=False)
        set_prop(every, "aria-label", "Include calls that no rule matched")
        every.on_value_change(self._include_all)
        self._verdict = text("", "ts-sub", "p")
        with box("ts-trail"):
            self._rows = KeyedList[Record](
                box("ts-rows", "ul"), lambda row: row.seq, lambda row: _Row(row, page.clock)
            )
            with box() as self._nothing:
                empty("No rows match.")
            self._more = button("Show more", self._show_more, look="quiet", label="Show more of the trail")

    async def load(self) -> None:
        """Read and show the rows."""
        rows = await self._page.hub.gate.trail.search(
            self._text, self._kind, self._most + 1, ruled=self._ruled
        )
        self._rows.update(rows[: self._most])
        self._more.set_visibility(len(rows) > self._most)
        self._nothing.set_visibility(not rows)

    def _search(self, event: ValueChangeEventArguments[Any]) -> None:
        self._text = (event.value or "").strip()
        self.requested.emit()

    def _choose(self, event: ValueChangeEventArguments[Any]) -> None:
        self._kind = event.value or ""
        self.requested.emit()

    def _include_all(self, event: ValueChangeEventArguments[Any]) -> None:
        self._ruled = not event.value
        self.requested.emit()

    def _show_more(self) -> None:
        self._most += ROWS
        self.requested.emit()

    async def _verify(self) -> None:
        found = await self._page.hub.gate.trail.verify()
        complete = (
            f"The trail is complete: {formats.count(found.rows, 'row')}, each linked to the previous row."
        )
        self._verdict.set_text(found.problem or complete)


class _Row:
    def __init__(self, row: Record, clock: Clock) -> None:
        with box("ts-trail-row", "li") as self.element:
            clock.ago(row.at, "ts-sub")
            text(row.kind, "ts-tag")
            with box("ts-grow"):
                text(row.text, "ts-trail-text", "p", title=row.text)
                about = " · ".join(part for part in (row.tool, row.verdict, row.client, row.project) if part)
                text(about, "ts-sub ts-trail-about", "p", title=about)

    def update(self, _row: Record) -> None:
        """Do nothing: a record never changes."""


def _rules(hub: Hub, loaded: Loaded) -> None:
    policy = loaded.policy
    own = loaded.path != SHIPPED
    if own:
        text(f"{loaded.path} ({FORMATS[policy.format]})", "ts-sub", "p")
    else:
        _own_file_offer(hub)
    if loaded.error:
        text(f"{loaded.error} {loaded.until_then}", "ts-job-reason", "p")
    if policy.remark:
        text(policy.remark, "ts-sub", "p")
    if policy.description:
        text(policy.description, "ts-rules-default", "p")
    if policy.hide:
        text(f"Hidden from clients: {', '.join(sorted(policy.hide))}", "ts-sub", "p")
    _path_rules(hub.settings.paths)
    for tools, rules in _by_rules(policy, alike=not own):
        with box("ts-rules"):
            text(", ".join("Every tool" if tool == EVERY_TOOL else tool for tool in tools), "ts-mono", "h3")
            with box("", "ul"):
                for rule in rules:
                    _rule(rule, loaded.path.name if own else "")
    rest = "allowed" if policy.default == "allow" else "denied"
    text(f"Everything else is {rest}.", "ts-rules-default", "p")


def _by_rules(policy: Policy, *, alike: bool) -> Iterator[tuple[list[str], tuple[Rule, ...]]]:
    """Yield the tools that have rules. With ``alike``, tools with the same rules come together."""
    groups: dict[object, list[str]] = {}
    for tool, rules in policy.tools.items():
        if rules:
            same = tuple((rule.name, describe_rule(rule)) for rule in rules)
            groups.setdefault(same if alike else tool, []).append(tool)
    for tools in groups.values():
        yield tools, policy.tools[tools[0]]


def _own_file_offer(hub: Hub) -> None:
    """Say that the app's own rules apply, and offer to copy them into a file of the user's."""

    async def create() -> None:
        active = await asyncio.to_thread(read_policy_text, hub.folders)
        start = await asyncio.to_thread(first_policy, hub.folders)
        if await run_action(asyncio.to_thread(write_policy, hub.folders, start, active[1]), "Created."):
            hub.gate.file.current()

    text(
        f"These are the app's own rules. Your first rule creates {hub.folders.policy_file}, which starts "
        "with the same rules and replaces them.",
        "ts-sub",
        "p",
    )
    with box("ts-actions"):
        button("Create policy.yaml", create, icon="note_add")


def _rule(rule: Rule, file: str) -> None:
    with box("ts-rule", "li"):
        text(rule.name, "ts-rule-name")
        text(describe_rule(rule))
        if file and rule.line:
            text(f"{file}, line {rule.line}", "ts-sub ts-num")


def _path_rules(paths: PathsSettings) -> None:
    with box("ts-path-rules"):
        text("Files (these rules come first)", tag="h3")
        with box("", "ul"):
            for words in path_rules(paths):
                with box("ts-rule", "li"):
                    text(words)
        text("Set in [paths] of config.toml.", "ts-sub", "p")
