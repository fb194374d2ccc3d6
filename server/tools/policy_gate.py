"""Every tool call passes here, whatever its transport: rules before it runs, secrets out of its answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolResult,
    ContentBlock,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    TextContent,
)

from server.calls.caller import ToolContext, build_caller, caller_known
from server.calls.judge import judged_call
from server.common.errors import BadArguments, TokenSaverError
from server.hub import Hub
from server.ledger.transcripts.session_state import OFFLOADING
from server.policy.approvals import EXTENTS, Approval, ApprovalAnswer
from server.policy.gate import Left
from server.policy.secrets.redact import redact
from server.policy.trail import TrailEntry
from server.policy.values import Call
from server.tools.progress import progress_to

RunTool = Callable[[], Awaitable[CallToolResult | InputRequiredResult]]
WAITING = "waiting for the user's approval (in the tray, the dashboard or here)"
FIRST_WITHOUT_REQUESTS = "2026-07-28"
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


async def through_gate(
    hub: Hub, tool: str, arguments: dict[str, Any], context: ToolContext, run: RunTool
) -> CallToolResult | InputRequiredResult:
    """Run a tool if the user's policy lets it, and return its result without secrets.

    Raises:
        Denied: a rule or the user said no.
        Limited: a rate limit is used up.
        ToolError: the tool failed; its text is without secrets.
    """
    caller = await build_caller(context, hub.settings.roots)
    call = await judged_call(hub.settings, hub.offloader.workspace(caller), tool, arguments)

    async def elsewhere(approval: Approval) -> ApprovalAnswer | None:
        async with progress_to(context) as report:
            await report(0.0, None, WAITING)
            return await _elicit(context, approval)

    back_from = _take_answer(hub, context)
    leaves = _asks_between_calls(context)
    sent = replace(caller, arguments=arguments)
    try:
        with caller_known(sent):
            async with hub.gate.enter(call, elsewhere, leaves=leaves, back_from=back_from) as passage:
                try:
                    result = await run()
                except (TokenSaverError, ToolError) as error:
                    passage.fail()
                    clean = await _without_secrets(hub, call, error)
                    if clean is error:
                        raise
                    raise clean from error
                if isinstance(result, CallToolResult):
                    if result.is_error:
                        passage.fail()
                    result = await _clean_result(hub, call, result)
                return result
    except Left as left:
        return _question_as_result(left.approval)
    except (TokenSaverError, ToolError) as error:
        if tool in OFFLOADING:
            await hub.offloader.refused(tool, sent, _reason(error))
        raise


def _reason(error: TokenSaverError | ToolError) -> TokenSaverError:
    """Return the app's own error that a tool's error came from."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, TokenSaverError):
        cause = cause.__cause__
    return cause or BadArguments(str(error), "")


def _asks_between_calls(context: ToolContext) -> bool:
    """Whether the client takes a question as a call's result, and calls again with the answer: from protocol
    2026-07-28 on, which has no requests from server to client."""
    capabilities = context.client_capabilities
    asks = capabilities is not None and capabilities.elicitation is not None
    return asks and (context.protocol_version or "") >= FIRST_WITHOUT_REQUESTS


def _question_as_result(approval: Approval) -> InputRequiredResult:
    # The package seals the state and binds it to the call's arguments: a client cannot make one up.
    params = ElicitRequestFormParams(message=_question(approval), requested_schema=_CHOICES)
    return InputRequiredResult(
        input_requests={_QUESTION: ElicitRequest(params=params)}, request_state=approval.id
    )


def _take_answer(hub: Hub, context: ToolContext) -> str:
    """Pass on the answer that a call comes back with; return the id of the approval, empty for none."""
    back_from = context.request_state or ""
    said = (context.input_responses or {}).get(_QUESTION)
    answer = _answer(said) if isinstance(said, ElicitResult) else None
    if back_from and answer is not None:
        hub.answer_approval(back_from, answer)  # too late where the tray or the dashboard was first
    return back_from


async def _clean_result(hub: Hub, call: Call, result: CallToolResult) -> CallToolResult:
    content: list[ContentBlock] = []
    for block in result.content:
        if isinstance(block, TextContent):
            text = await clean_text(hub, call, block.text)
            content.append(block.model_copy(update={"text": text}))
        else:
            content.append(block)
    return result.model_copy(update={"content": content})


async def _without_secrets(
    hub: Hub, call: Call, error: TokenSaverError | ToolError
) -> TokenSaverError | ToolError:
    text = str(error)
    clean = await clean_text(hub, call, text)
    return error if clean == text else ToolError(clean)


async def clean_text(hub: Hub, call: Call, text: str) -> str:
    """Return a text on its way to a client without secrets; what was kept from it is recorded."""
    # Some milliseconds for a long text: off the loop, so that nobody waits for it.
    known = hub.keys.tokens if hub.keys is not None else ()
    redacted = redact(text, known) if len(text) < 5_000 else await asyncio.to_thread(redact, text, known)
    if redacted.count:
        kinds = ", ".join(f"{count} {kind}" for kind, count in redacted.found.items())
        await hub.gate.trail.record(
            TrailEntry(
                "secrets",
                f"Kept from the answer: {kinds}.",
                call.tool,
                call.client,
                call.session,
                call.project,
                "redacted",
                dict(redacted.found),
            )
        )
    return redacted.text


async def _elicit(context: ToolContext, approval: Approval) -> ApprovalAnswer | None:
    """Ask in the client, where it can and its protocol lets the server ask; else wait for the others."""
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
    # A dialog that was closed is no answer: the tray and the dashboard still ask.
    return ApprovalAnswer(approved=True, extent=extent, by="client") if extent else None


def _question(approval: Approval) -> str:
    call = approval.call
    shown = ", ".join(call.paths[:10])
    more = f" and {call.files - 10} more" if call.files > 10 else ""
    files = f" Files: {shown}{more}." if shown else ""
    return f"Token Saver: may {call.client or 'the client'} run {call.tool}? {approval.reason}{files}"
