"""A dry run of digests over the user's own sessions."""

import asyncio
import time

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from server.hub import Hub
from server.tool_results.dry_run import DryRun, dry_run

DAYS = 30
_DAY = 86_400
_MOST_KINDS = 20


class DryRunCard:
    """A button that reads the transcripts, and the results."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        text(
            f"Reads Claude Code's transcripts of the last {DAYS} days and estimates what digests would "
            "have saved. Nothing is written, and nothing leaves this machine.",
            "",
            "p",
        )
        with box("ts-actions"):
            self._button = button(
                "Estimate", self._run, icon="query_stats", label="Estimate what digests would have saved"
            )
        self._found = box()

    async def _run(self) -> None:
        self._button.disable()
        try:
            found = await asyncio.to_thread(
                dry_run, self._hub.transcript_check.folder, self._hub.ledger.prices, time.time() - DAYS * _DAY
            )
        finally:
            self._button.enable()
        self._found.clear()
        with self._found:
            _show(found)


def _show(found: DryRun) -> None:
    text(
        f"{formats.count(found.sessions, 'transcript')}: {formats.signed_money(found.net_microusd)}, "
        f"{found.share:.1%} of a bill of {formats.money(found.bill_microusd)}.",
        "",
        "p",
    )
    if not found.kinds:
        return
    with box("ts-groups", "table"):
        with box("", "thead"), box("", "tr"):
            for head in ("Kind", "Results", "Full text needed", "Net tokens", "Money"):
                text(head, tag="th").props["scope"] = "col"
        with box("", "tbody"):
            for kind in found.kinds[:_MOST_KINDS]:
                with box("", "tr"):
                    text(kind.kind, tag="th").props["scope"] = "row"
                    text(formats.number(kind.results), "ts-num", "td")
                    text(formats.number(kind.losses), "ts-num", "td")
                    text(formats.signed(kind.net_tokens), "ts-num", "td")
                    text(formats.signed_money(kind.net_microusd), "ts-num", "td")
