"""One round with the model: what it was asked, what it said, what the checks found."""

from dashboard import formats
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, icon, text
from server.store.records import AttemptRecord

NAMES = {"system": "Instructions", "user": "Prompt", "assistant": "Answer before"}


def attempt_view(attempt: AttemptRecord) -> None:
    """Show a round; the long texts are folded."""
    with box("attempt", "section", f"Attempt {attempt.number}"):
        with box("attempt-head"):
            text(f"Attempt {attempt.number}", tag="h3")
            words = (
                f"{attempt.kind} · {formats.number(attempt.prompt_tokens)} prompt tokens, "
                f"{formats.number(attempt.completion_tokens)} written"
                + (" · ended by length" if attempt.finish_reason == "length" else "")
            )
            text(words, "sub")
        with box("checks", "ul"):
            for check in attempt.checks:
                with box(f"check {'check-passed' if check.passed else 'check-failed'}", "li"):
                    icon("check" if check.passed else "close")
                    text(f"{check.name}: {'passed' if check.passed else 'failed'}", "check-name")
                    if check.message:
                        text(check.message, "sub")
        for message in attempt.prompt:
            fold(NAMES.get(message["role"], message["role"]), message["content"])
        if attempt.thinking:
            fold("Thoughts", attempt.thinking)
        fold("Answer", attempt.answer)


def fold(name: str, words: str, *, open_at_first: bool = False) -> None:
    """Show a long text behind its name."""
    if not words:
        return
    with box("fold", "details") as details:
        if open_at_first:
            details.props["open"] = True
        with box("", "summary"):
            text(name)
            text(formats.count(len(words), "character"), "sub")
        with box("fold-body"):
            copy_button(words, f"Copy: {name}")
            pane = text(words, "long-text", "pre")
            pane.props.update({"tabindex": "0", "role": "region", "aria-label": name})
