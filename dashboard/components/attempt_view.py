"""One round with the model: what it was asked, what it said, what the checks found."""

from nicegui import ui

from dashboard.format import count
from server.store.records import AttemptRecord


def attempt_view(attempt: AttemptRecord, *, opened: bool) -> None:
    """Draw the round; the texts fold away."""
    failed = next((check for check in attempt.checks if not check.passed), None)
    verdict = f"{failed.name}: {failed.message}" if failed else "all checks passed"
    with ui.element("article").classes("ts-attempt"):
        with ui.element("div").classes("ts-row"):
            ui.label(f"Round {attempt.number}: {attempt.kind}").classes("ts-strong")
            figures = (
                f"{count(attempt.prompt_tokens)} prompt + {count(attempt.completion_tokens)} answer tokens"
            )
            ui.label(f"{figures} · {attempt.finish_reason}").classes("ts-quiet ts-num")
        ui.label(verdict).classes("ts-loss" if failed else "ts-gain")
        with ui.element("div").classes("ts-checks"):
            for check in attempt.checks:
                mark = "✓" if check.passed else "✗"
                ui.label(f"{mark} {check.name}").props(f"data-passed={str(check.passed).lower()}")
        for message in attempt.prompt:
            _text(message.get("role", ""), message.get("content", ""))
        if attempt.thinking:
            _text("thoughts", attempt.thinking)
        _text("answer", attempt.answer, opened=opened)


def _text(title: str, text: str, *, opened: bool = False) -> None:
    with ui.element("details").classes("ts-details") as details:
        if opened:
            details.props("open")
        with ui.element("summary"):
            ui.label(f"{title} ({count(len(text))} characters)")
        ui.label(text or "empty").classes("ts-pre").props("tabindex=0")
