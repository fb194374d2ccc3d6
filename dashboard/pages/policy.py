"""The *Policy* page: pending approvals, active rules, audit trail."""

from dashboard.components.controls.card import card
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.keyed_list import RebuiltSection
from dashboard.components.frame.page_frame import page_frame
from dashboard.components.offloads.approval_list import ApprovalList
from dashboard.components.policy.rule_changes import RuleChanges
from dashboard.components.policy.rule_form import RuleForm
from dashboard.components.policy.rule_list import rule_list
from dashboard.components.policy.trail_list import TrailList
from dashboard.hub_updates import HubUpdates
from server.hub import Hub


async def show(hub: Hub, updates: HubUpdates) -> None:
    """Fill the page."""
    with page_frame(hub, updates, "Policy", "/policy") as page, box("ts-two-columns ts-policy"):
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
            changes = RuleChanges(hub)
            form = RuleForm(changes)
            rules = RebuiltSection(box())

    async def update() -> None:
        nothing.set_visibility(waiting.update() == 0)
        loaded = hub.gate.file.current()
        rules.show(loaded, lambda: rule_list(hub, loaded, changes, form))

    await page.reload_on(update, updates.policy_changed)
    await page.reload_on(
        trail.load, updates.policy_changed, updates.history_changed, requested=trail.requested
    )
