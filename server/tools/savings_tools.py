"""``cost_dashboard`` and ``get_metrics``: net savings, for Claude and for programs."""

import asyncio
import datetime
from typing import Literal

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from server.claude_context.report import context_line, read_context
from server.hub import Hub
from server.ledger.cost_dashboard import cost_dashboard_text
from server.ledger.savings import gather_savings
from server.tools.make_tool import make_tool

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def savings_tools(hub: Hub) -> list[Tool]:
    """Return the tools that report savings and metrics."""
    return [_cost_dashboard(hub), _get_metrics(hub)]


def _cost_dashboard(hub: Hub) -> Tool:
    async def cost_dashboard() -> str:
        today = datetime.datetime.now().astimezone().date()
        context = await hub.history.database.read(
            lambda connection: read_context(connection, hub.settings, today)
        )
        report = await hub.transcript_check.report()
        quota = await asyncio.to_thread(hub.quota.read)
        savings = await gather_savings(hub.history, report, context_line(context), quota.text())
        return cost_dashboard_text(savings, hub.settings.ledger)

    return make_tool(cost_dashboard, "Claude's tokens and money saved, net, by tool and model.", READS)


def _get_metrics(hub: Hub) -> Tool:
    async def get_metrics(format: Literal["json", "prometheus"] = "json") -> str:  # noqa: A002 - its public name
        totals = await hub.history.totals()
        if format == "prometheus":
            return hub.metrics.prometheus(hub.snapshot(), totals)
        return hub.metrics.as_json(hub.snapshot(), totals)

    return make_tool(get_metrics, "Counters, latencies and savings of the hub.", READS)
