"""The policy gate for a prepared call: rules first, then the user if a rule asks for approval."""

import contextlib
from collections.abc import AsyncIterator

from server.calls.approval_question import asks_between_calls, elicit, take_answer
from server.calls.caller import ToolContext
from server.calls.prepared import Prepared
from server.calls.progress import progress_to
from server.hub import Hub
from server.policy.approvals import Approval, ApprovalAnswer
from server.policy.gate import Passage

WAITING = "waiting for the user's approval (in the tray, the dashboard or here)"
WAITING_FOR_SHELL = (
    "waiting for your approval in the tray or the dashboard, or by `token-saver policy approve`"
)
"""The line for the user's own shell, which cannot be asked."""


@contextlib.asynccontextmanager
async def enter(hub: Hub, prepared: Prepared, context: ToolContext) -> AsyncIterator[Passage]:
    """Check the call against the policy, then keep it inside the gate for the ``async with`` block.

    Raises:
        Left: approval is needed, and the call ends so that its client can be asked.
        Denied: a rule or the user denied the call.
        Limited: a rate limit is used up.
        StoreError: the decision cannot be recorded, so no call passes.
    """

    async def in_client(approval: Approval) -> ApprovalAnswer | None:
        async with progress_to(context) as report:
            await report(0.0, None, WAITING_FOR_SHELL if prepared.caller.by_user else WAITING)
            return await elicit(context, approval)

    back_from = take_answer(hub, context)
    leaves = asks_between_calls(context)
    async with hub.gate.enter(prepared.call, in_client, leaves=leaves, back_from=back_from) as passage:
        yield passage
