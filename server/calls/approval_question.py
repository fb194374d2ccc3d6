"""Asks for approval of a call in the client, the tray and the dashboard.

Clients on an older protocol receive a request while their call waits. Since protocol 2026-07-28, servers send
no requests to clients: the call ends with the question as its result, and the client calls again with the
answer.
"""

import asyncio
import contextlib
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from server.bridge import wire
from server.calls.call_state import CallState, state_of
from server.calls.caller import ToolContext
from server.calls.roots_question import answered_roots
from server.common.control_characters import in_line
from server.hub import Hub
from server.policy.approvals import EXTENTS, Approval, ApprovalAnswer

_QUESTION = "approval"
_CHOICES: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {
            "type": "string",
            "title": "Allow this call?",
            "enum": [*EXTENTS, "no"],
            "enumNames": ["Once", "For this session", "Always in this project", "No"],
        }
    },
    "required": ["answer"],
}


def asks_between_calls(context: ToolContext) -> bool:
    """Return whether the client accepts a question as a call's result and calls back with the answer."""
    capabilities = context.client_capabilities
    asks = capabilities is not None and capabilities.elicitation is not None
    return asks and (context.protocol_version or "") >= wire.MODERN_VERSION


def question_as_result(context: ToolContext, approval: Approval) -> InputRequiredResult:
    """Return a call result that puts the question to the client."""
    state = CallState(approval.id, answered_roots(context))
    params = ElicitRequestFormParams(message=_question(approval), requested_schema=_CHOICES)
    return InputRequiredResult(
        input_requests={_QUESTION: ElicitRequest(params=params)}, request_state=state.sealed_text()
    )


def take_answer(hub: Hub, context: ToolContext) -> str:
    """Pass on the answer that the client sent with a repeated call. Return the approval's id, or an empty
    string if there is no answer.
    """
    state = state_of(context)
    back_from = state.approval if state is not None else ""
    said = (context.input_responses or {}).get(_QUESTION)
    answer = _answer(said) if isinstance(said, ElicitResult) else None
    if back_from and answer is not None:
        hub.answer_approval(
            back_from, answer
        )  # has no effect if the user already answered in the tray or the dashboard
    return back_from


async def elicit(context: ToolContext, approval: Approval) -> ApprovalAnswer | None:
    """Ask in the client if its protocol allows it. Otherwise wait until the time for answering in the tray or
    dashboard is up.
    """
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.elicitation is None or not context.session.can_send_request:
        await asyncio.sleep(approval.deadline - approval.asked_at)
        return None
    with contextlib.suppress(MCPError):
        return _answer(await context.session.elicit_form(_question(approval), _CHOICES, context.request_id))
    await asyncio.sleep(approval.deadline - approval.asked_at)
    return None


def _answer(result: ElicitResult) -> ApprovalAnswer | None:
    if result.action == "decline":
        return ApprovalAnswer(approved=False, by="client")
    chosen = (result.content or {}).get("answer") if result.action == "accept" else None
    if chosen == "no":
        return ApprovalAnswer(approved=False, by="client")
    extent = next((each for each in EXTENTS if each == chosen), None)
    # A closed dialog is not an answer: the tray and the dashboard still ask.
    return ApprovalAnswer(approved=True, extent=extent, by="client") if extent else None


def _question(approval: Approval) -> str:
    call = approval.call
    shown = ", ".join(call.paths[:10])
    more = f" and {call.files - 10} more" if call.files > 10 else ""
    files = f" Files: {shown}{more}." if shown else ""
    question = f"Token Saver: may {call.client or 'the client'} run {call.tool}? {approval.reason}{files}"
    return in_line(question)  # the client shows this in its terminal, and names can contain any character
