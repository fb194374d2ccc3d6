"""The latest digests: the size of the result, the text Claude saw instead, and whether Claude came back for
the full text.
"""

from dashboard import formats
from dashboard.components.controls.elements import box, text
from dashboard.components.digests.digest_kinds import LOSSES
from dashboard.components.live.clock import Clock
from server.store.result_digests import DIGEST_ID, ResultDigest


class DigestRow:
    """One digest, with its text in a fold."""

    def __init__(self, record: ResultDigest, clock: Clock) -> None:
        with box("ts-digest-row", "li") as self.element:
            clock.ago(record.at, "ts-sub")
            text(record.kind, "ts-tag")
            with box("ts-grow"):
                text(formats.one_line(record.source or record.kind), "ts-digest-text ts-mono", "p")
                text(_figures(record), "ts-sub", "p")
                self._loss = text("", "ts-job-reason", "p")
                if record.text:
                    with box("", "details"):
                        text("What Claude saw", tag="summary")
                        text(record.text, "ts-command ts-pre", "pre").props["tabindex"] = "0"

    def update(self, record: ResultDigest) -> None:
        """Update whether Claude came back for the full text."""
        self._loss.set_text(LOSSES.get(record.loss, record.loss))
        self._loss.set_visibility(bool(record.loss))


def _figures(record: ResultDigest) -> str:
    return " · ".join(
        (
            f"Result: {formats.count(record.lines, 'line')}, {formats.number(record.whole_tokens)} tokens",
            f"Claude would have seen {formats.number(record.shown_tokens)}",
            f"Claude saw {formats.number(record.digest_tokens)}",
            f"net {formats.signed(record.net_tokens)}",
            record.project,
            f"{DIGEST_ID}{record.id}",
        )
    )
