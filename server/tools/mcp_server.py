"""The MCP server: the list of tools, and the boundary that every tool call passes."""

import logging
from collections.abc import Sequence
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult
from mcp_types import Tool as MCPTool
from pydantic import ValidationError

from server.calls.approval_question import question_as_result
from server.calls.caller import build_caller
from server.calls.enter import enter
from server.calls.long_calls.tasks_extension import Tasks
from server.calls.prepare import prepare
from server.calls.prepared import Prepared
from server.calls.roots_question import client_roots, needs_roots, roots_question
from server.calls.secret_redaction import redact_result, redact_text
from server.calls.tool_context import CallContext
from server.calls.undone_files import with_undone_files
from server.common.errors import BadArguments, InternalError, TokenSaverError
from server.hub import Hub
from server.ledger.tokens import Family, estimate_definitions
from server.ledger.transcripts.session_state import OFFLOADING
from server.policy.gate import Left
from server.tools.arguments import as_read
from server.tools.batch_offload import batch_offload_tool
from server.tools.check_job import check_job_tool
from server.tools.compress_context import compress_context_tool
from server.tools.holdout import HoldoutMiddleware
from server.tools.make_tool import ALWAYS_LOAD_KEY
from server.tools.model_choice import model_choice_tools
from server.tools.model_tools import model_tools
from server.tools.offload_work import offload_work_tool
from server.tools.prompts import prompts
from server.tools.savings_tools import savings_tools
from server.tools.schema import with_checks

logger = logging.getLogger(__name__)

INSTRUCTIONS = """\
Hands routine work to a local model and saves your tokens. Use it for boilerplate, tests, docstrings, \
conversions, repetitive edits and summaries of files or logs that you need not read yourself.
Pass paths in `files`, never contents, name `output`, and give `examples` of new code. The digest says \
what it rests on. "Tests ran", "Examples ran": do not read it. "Samples agree": glance at it. Any other \
word, or a Notice: look at the diff. Do not read the inputs first.
Do it yourself when the task needs judgement over much code, or is a few lines. A hand-back says why and \
wrote nothing: then do the task yourself rather than retry the same words."""


class TokenSaverServer(MCPServer[dict[str, Any]]):
    """Extends the package's server: each call is prepared, judged by the user's policy, and run.

    At this boundary errors become text: ``code: cause next step``, without secrets.
    """

    def __init__(self, hub: Hub, **options: Any) -> None:
        super().__init__(**options)
        self._hub = hub

    async def list_tools(self) -> list[MCPTool]:
        """List the tools with the user's checks, except the tools that the user's policy hides."""
        checks = tuple(self._hub.settings.checks)
        return [
            tool.model_copy(update={"input_schema": with_checks(tool.input_schema, checks)})
            for tool in await super().list_tools()
            if not self._hub.gate.hidden(tool.name)
        ]

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[dict[str, Any], Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Return a prompt.

        Raises:
            MCPError: no prompt has this name. The package itself would report an internal error.
        """
        if name not in {prompt.name for prompt in await self.list_prompts()}:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name}")
        return await super().get_prompt(name, arguments, context)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[dict[str, Any], Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises:
            ToolError: the call failed. The caller sees the error's text.
        """
        hub, context = self._hub, context or Context(mcp_server=self)
        tool = self._tool_manager.get_tool(name)
        arguments = arguments if tool is None else as_read(tool, arguments)
        if name in OFFLOADING and needs_roots(context):
            return roots_question()
        roots = await client_roots(context)
        caller = build_caller(context, roots, hub.settings.roots, arguments)
        workspace = hub.offloader.workspace(caller)
        prepared = await prepare(hub.settings, workspace, name, arguments, hub.compressor.kept)
        prepared = await with_undone_files(hub, prepared)
        try:
            async with enter(hub, prepared, context) as passage:
                result = await _run(tool, prepared, context)
                if isinstance(result, CallToolResult):
                    if result.is_error:
                        passage.fail()
                    result = await redact_result(hub, prepared.call, result)
                return result
        except Left as left:
            return question_as_result(context, left.approval)
        except TokenSaverError as error:
            if name in OFFLOADING:
                await hub.offloader.refused(name, caller, error)
            text = error.text(for_agent=not caller.by_user)
            raise ToolError(await redact_text(hub, prepared.call, text)) from error
        except ToolError as error:
            raise ToolError(await redact_text(hub, prepared.call, str(error))) from error


async def _run(
    tool: Tool | None, prepared: Prepared, context: Context[dict[str, Any], Any]
) -> CallToolResult | InputRequiredResult:
    """Run a tool on the prepared call.

    Raises:
        TokenSaverError: the tool failed. Errors that the package wrapped are unwrapped.
        ToolError: the tool does not exist.
    """
    if tool is None:
        raise ToolError(f"Unknown tool: {prepared.tool}")
    _refuse_unknown(tool, prepared)
    try:
        result: CallToolResult | InputRequiredResult = await tool.run(
            dict(prepared.arguments), CallContext(context, prepared), convert_result=True
        )
    except ToolError as error:
        cause = error.__cause__
        if isinstance(cause, TokenSaverError):
            raise cause from None
        if isinstance(cause, ValidationError):
            raise _bad_arguments(cause) from cause
        logger.exception("%s failed", tool.name)
        raise _internal(tool.name) from error
    return result


def _refuse_unknown(tool: Tool, prepared: Prepared) -> None:
    """Refuse misspelt arguments. The package would silently drop them."""
    known = tool.parameters["properties"]
    if unknown := sorted(set(prepared.arguments) - set(known)):
        raise BadArguments(
            f"{tool.name} has no argument {', '.join(unknown)}.", f"Its arguments are: {', '.join(known)}."
        )


def build_mcp(hub: Hub) -> TokenSaverServer:
    """Build the server with all tools of this hub, and tell the ledger the cost of their definitions."""
    tools = all_tools(hub)
    checks = tuple(hub.settings.checks)
    hub.ledger.definitions_tokens = _definitions_tokens(tools, checks, hub.ledger.family)
    server = TokenSaverServer(
        hub,
        name="token-saver",
        title="Token Saver",
        version=hub.version,
        instructions=INSTRUCTIONS,
        tools=tools,
        extensions=[Tasks(hub)],
        request_state_security=_state_security(hub),
        middleware=[HoldoutMiddleware(hub.holdout)],
    )
    for prompt in prompts():
        server.add_prompt(prompt)
    return server


def all_tools(hub: Hub) -> list[Tool]:
    """Return the tools, core tools first."""
    return [
        offload_work_tool(hub),
        compress_context_tool(hub),
        batch_offload_tool(hub),
        check_job_tool(hub),
        *model_tools(hub),
        *model_choice_tools(hub),
        *savings_tools(hub),
    ]


def _state_security(hub: Hub) -> RequestStateSecurity | None:
    """Return the key that seals the state of a call while its client is asked.

    The key survives a restart. A client that returns to a new hub is therefore asked again instead of getting
    an error.
    """
    return RequestStateSecurity(keys=[hub.keys.sign("request state")]) if hub.keys is not None else None


def _definitions_tokens(tools: list[Tool], checks: Sequence[str], family: Family) -> int:
    """Return the tokens that every session pays for: always loaded definitions, and the instructions."""
    eager = [tool for tool in tools if (tool.meta or {}).get(ALWAYS_LOAD_KEY)]
    definitions = [
        {
            "name": tool.name,
            "description": tool.description,
            "input_schema": with_checks(tool.parameters, checks),
        }
        for tool in eager
    ]
    return estimate_definitions(definitions, INSTRUCTIONS, family)


def _internal(name: str) -> InternalError:
    return InternalError(
        f"{name} failed because of a defect in this app.",
        "`token-saver logs` shows details.",
        "Do the task yourself. `token-saver logs` shows details.",
    )


def _bad_arguments(error: ValidationError) -> BadArguments:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return BadArguments(f"{field}: {first['msg']}.", "Correct the argument and call again.")
