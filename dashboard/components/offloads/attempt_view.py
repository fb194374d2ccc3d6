"""One of the model's attempts: prompt, answer, check results."""

from dashboard import formats
from dashboard.components.controls.copy_button import copy_button
from dashboard.components.controls.elements import box, icon, text
from dashboard.components.offloads.timing_bar import timeline
from server.offload.checks.meanings import meaning_of
from server.store.records import AttemptRecord

ENDINGS = {
    "length": " · cut off at the length limit",
    "repeating": " · stopped because it repeated itself",
    "copying": " · stopped because it copied the file",
    "enough": " · stopped because it only listed more cases",
}
KINDS = {
    "repair": "told what failed",
    "inputs": "asked for inputs to compare answers on",
}
"""What differs from the first prompt, by kind of prompt."""
NAMES = {"system": "Instructions", "user": "Prompt", "assistant": "Previous answer"}


def attempt_view(attempt: AttemptRecord, total: float, *, repeats: int = 0) -> None:
    """Show an attempt, with long text folded.

    Args:
        attempt: the attempt.
        total: seconds of the whole offload, the length of the time line.
        repeats: number of an earlier attempt with the same answer; 0 if there is none.
    """
    with box("ts-attempt", "section", f"Attempt {attempt.number}"):
        with box("ts-attempt-head"):
            text(f"Attempt {attempt.number}", tag="h3")
            words = (
                (f"{KINDS[attempt.kind]} · " if attempt.kind in KINDS else "")
                + f"{formats.number(attempt.prompt_tokens)} tokens read, "
                f"{formats.number(attempt.completion_tokens)} tokens written"
                + ENDINGS.get(attempt.finish_reason, "")
                + (f" · same answer as attempt {repeats}" if repeats else "")
            )
            text(words, "ts-sub")
        timeline(attempt.timings, total)
        with box("ts-checks", "ul"):
            for check in attempt.checks:
                with box(f"ts-check {'ts-check-passed' if check.passed else 'ts-check-failed'}", "li"):
                    icon("check" if check.passed else "close")
                    text(f"{check.name}: {'passed' if check.passed else 'failed'}", "ts-check-name")
                    if words := formats.without_markup(check.message) or meaning_of(check.name):
                        text(words, "ts-sub", title=meaning_of(check.name))
        for message in attempt.prompt:
            fold(NAMES.get(message["role"], message["role"]), message["content"])
        if attempt.thinking:
            fold("Thinking", attempt.thinking)
        fold("Answer", attempt.answer)


def fold(name: str, words: str, *, open_at_first: bool = False) -> None:
    """Show a long text in a fold labelled with this name."""
    if not words:
        return
    with box("ts-fold", "details") as details:
        if open_at_first:
            details.props["open"] = True
        with box("", "summary"):
            text(name)
            text(formats.count(len(words), "character"), "ts-sub")
        with box("ts-fold-body"):
            copy_button(words, f"Copy: {name}")
            pane = text(words, "ts-long-text", "pre")
            pane.props.update({"tabindex": "0", "role": "region", "aria-label": name})
