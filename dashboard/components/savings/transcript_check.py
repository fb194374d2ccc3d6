"""The transcript check: the user's consent, results, estimation error, missed opportunities."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import source_note
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.hub import Hub
from server.ledger.transcripts.check import TranscriptReport
from server.ledger.transcripts.missed_money import MissedForm
from server.store.records import Totals

ENDINGS = {
    "left_alone": "left unchanged by Claude",
    "read_again": "read again by Claude",
    "edited": "edited by Claude",
    "rewritten": "rewritten by Claude",
    "nothing_delivered": "nothing delivered",
}


class TranscriptCheckCard:
    """The content of the transcript check card."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._box = box("ts-stack ts-audit")

    async def update(self) -> None:
        """Reload the results and show them."""
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
            "All figures are estimates. Claude Code's transcripts contain the true sizes and show what "
            f"Claude did with each result. The check only reads {self._hub.transcript_check.folder}; "
            "nothing leaves this machine.",
            "ts-sub",
            "p",
        )
        with box("ts-actions"):
            button("Check against the transcripts", lambda: self._switch(on=True), look="main", icon="rule")

    def _agreed(self, report: TranscriptReport) -> None:
        if not report.transcripts:
            text(f"No transcripts were found in {self._hub.transcript_check.folder} yet.", "ts-sub", "p")
        with box("ts-actions"):
            button("Stop reading transcripts", lambda: self._switch(on=False), look="quiet")

    async def _switch(self, *, on: bool) -> None:
        await run_action(self._hub.switch_transcript_check(on=on))


def _found(totals: Totals, report: TranscriptReport) -> None:
    with box("ts-figures"):
        _figure("Estimated", totals.audited_estimate_tokens)
        _figure("Actual", totals.audited_net_tokens)
        _figure("Corrected total", totals.corrected_tokens)
    facts = [
        ("Offloads checked", formats.number(totals.audited)),
        *((_sentence(ENDINGS[name]), formats.number(report.endings.get(name, 0))) for name in ENDINGS),
        ("Calls in transcripts but not in the history", formats.number(report.unmatched)),
    ]
    for family, accuracy in report.accuracy.items():
        if accuracy.median is not None:
            sizes = f"size estimates (family {family}, {accuracy.items:,} items)"
            facts += [
                (f"Median error of the {sizes}", f"{accuracy.median:.1%}"),
                ("Error of their total", f"{accuracy.aggregate or 0:+.1%}"),
            ]
    _facts(facts)
    source_note(
        "The estimated figures are from the checked calls' receipts as recorded. The actual figures are from "
        "the same receipts, with the API's counts and with what Claude did afterwards according to the "
        "transcripts; sizes that a transcript does not show remain estimates. The corrected total adds the "
        "actual figures and the estimates of all other calls. The errors compare estimates with the API's "
        "counts."
    )
    _missed(report)


def _missed(report: TranscriptReport) -> None:
    if not report.forms:
        return
    text("Missed opportunities", tag="h3")
    _facts([(_form_words(each), _worth(each)) for each in report.forms])
    source_note(
        "The figures are from all transcripts. They show the cost of these results and files, including "
        "re-reads, and the part that could probably be saved, based on the success rate of your own calls of "
        "the same kind. Subagent reports and files that Claude edited later do not count."
    )
    if advice := report.missed.advice:
        text("These lines in your CLAUDE.md would help:", "ts-sub", "p")
        text(advice, "ts-command ts-pre", "pre")
        copy_button(advice, "Copy the lines for CLAUDE.md")


def _form_words(form: MissedForm) -> str:
    unit = "" if form.form.startswith("turns") else " tokens"
    return f"{_sentence(form.form)} ({formats.short(form.tokens)}{unit})"


def _worth(form: MissedForm) -> str:
    unknown = form.tool and form.success is None
    return f"{formats.money(form.microusd)}, likely {'unknown' if unknown else formats.money(form.likely)}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _figure(name: str, tokens: int) -> None:
    with box("ts-figure"):
        text(name, "ts-figure-name")
        text(formats.signed(tokens), f"ts-figure-value {'ts-loss' if tokens < 0 else ''}")


def _facts(facts: list[tuple[str, str]]) -> None:
    with box("ts-facts", "dl"):
        for name, words in facts:
            with box("ts-fact"):
                text(name, tag="dt")
                text(words, "ts-num", "dd")
