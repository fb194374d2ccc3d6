"""The audit: the user's consent, what it found, how far estimates are off, and what was missed."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.hub import Hub
from server.ledger.transcripts.check import TranscriptReport
from server.store.records import Totals

ENDINGS = {
    "left_alone": "left as it was",
    "read_again": "read again by Claude",
    "edited": "edited by Claude",
    "rewritten": "rewritten by Claude",
    "nothing_delivered": "nothing was delivered",
}


class TranscriptCheckCard:
    """What is in the card of the audit; ``update`` shows it anew."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._box = box("stack audit")

    async def update(self) -> None:
        """Show the state of now."""
        report = await self._hub.transcript_check.report()
        totals = await self._hub.history.totals()
        self._box.clear()
        with self._box:
            if not self._hub.settings.savings.audit:
                self._ask()
            if report.transcripts:
                _found(totals, report)
            if self._hub.settings.savings.audit:
                self._agreed(report)

    def _ask(self) -> None:
        text(
            "All figures are estimates. Claude Code's transcripts contain the true sizes, and what Claude "
            "did with each result. The transcript check reads the folder "
            f"{self._hub.transcript_check.folder}. It writes nothing there, and nothing leaves this machine.",
            "sub",
            "p",
        )
        with box("actions"):
            button("Check against the transcripts", lambda: self._switch(on=True), look="main", icon="rule")

    def _agreed(self, report: TranscriptReport) -> None:
        if not report.transcripts:
            text(f"No transcript was found yet in {self._hub.transcript_check.folder}.", "sub", "p")
        with box("actions"):
            button("Read no more transcripts", lambda: self._switch(on=False), look="quiet")

    async def _switch(self, *, on: bool) -> None:
        await run_action(self._hub.switch_transcript_check(on=on))


def _found(totals: Totals, report: TranscriptReport) -> None:
    with box("figures"):
        _figure("Estimated", totals.audited_estimate_tokens)
        _figure("Found", totals.audited_net_tokens)
        _figure("Corrected", totals.corrected_tokens)
    facts = [
        ("Offloads checked", formats.number(totals.audited)),
        *((ENDINGS[name].capitalize(), formats.number(report.endings.get(name, 0))) for name in ENDINGS),
        ("Calls in transcripts that this history lacks", formats.number(report.unmatched)),
    ]
    for family, accuracy in report.accuracy.items():
        if accuracy.median is not None:
            off = f"{accuracy.median:.1%} at the median, {accuracy.aggregate or 0:+.1%} in all"
            facts.append((f"Sizes are misjudged by (family {family}, {accuracy.items:,} items)", off))
    _facts(facts)
    _missed(report)


def _missed(report: TranscriptReport) -> None:
    missed = report.missed
    if not missed.kinds:
        return
    text("Missed", tag="h3")
    called = f"Claude called of the times it could have: {missed.rate or 0:.0%}"
    _facts(
        [
            (f"{formats.number(each.count)} {each.kind}", f"~{formats.short(each.tokens)} tokens")
            for each in missed.kinds
        ]
    )
    text(f"{called}. These lines in your CLAUDE.md would help:", "sub", "p")
    text(missed.advice, "command pre", "pre")
    copy_button(missed.advice, "Copy the lines for CLAUDE.md")


def _figure(name: str, tokens: int) -> None:
    with box("figure"):
        text(name, "figure-name")
        text(formats.signed(tokens), f"figure-value {'loss' if tokens < 0 else ''}")


def _facts(facts: list[tuple[str, str]]) -> None:
    with box("facts", "dl"):
        for name, words in facts:
            with box("fact"):
                text(name, tag="dt")
                text(words, "num", "dd")
