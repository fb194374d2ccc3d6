"""Redacts secrets and control characters in all text sent to a client.

Each secret is recorded in the audit trail. Control characters would be interpreted by the client's terminal.
"""

import asyncio

from mcp_types import CallToolResult, ContentBlock, TextContent

from server.common.control_characters import shown
from server.hub import Hub
from server.policy.secrets.redact import redact
from server.policy.trail import TrailEntry
from server.policy.values import Call

SHORT = 5_000
"""Maximum length of text redacted on the event loop, where it takes no more than a few milliseconds."""


async def redact_result(hub: Hub, call: Call, result: CallToolResult) -> CallToolResult:
    """Return a call's result without secrets and control characters."""
    content: list[ContentBlock] = []
    for block in result.content:
        if isinstance(block, TextContent):
            text = await redact_text(hub, call, block.text)
            content.append(block.model_copy(update={"text": text}))
        else:
            content.append(block)
    return result.model_copy(update={"content": content})


async def redact_text(hub: Hub, call: Call, text: str) -> str:
    """Return the text without secrets and control characters."""
    known = hub.keys.tokens if hub.keys is not None else ()
    redacted = redact(text, known) if len(text) < SHORT else await asyncio.to_thread(redact, text, known)
    if redacted.count:
        kinds = ", ".join(f"{count} {kind}" for kind, count in redacted.found.items())
        await hub.gate.trail.record(
            TrailEntry(
                "secrets",
                f"Removed from the answer: {kinds}.",
                call.tool,
                call.client,
                call.session,
                call.project,
                "redacted",
                dict(redacted.found),
            )
        )
    return shown(redacted.text)
