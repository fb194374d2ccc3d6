"""The time an offload spent in each stage, as a single bar, and the time line of one attempt."""

from collections.abc import Mapping, Sequence

from dashboard import formats
from dashboard.components.controls.elements import box, text

STAGES = (
    ("queue", "waiting", "ts-part-other"),
    ("load", "loading the model", "ts-model-3"),
    ("prompt", "reading the prompt", "ts-model-1"),
    ("generate", "writing the answer", "ts-model-0"),
    ("check", "checking", "ts-model-2"),
    ("write", "writing the file", "ts-model-4"),
)
"""The keys of ``OffloadEnd.timings`` with their display names and colours."""


def timing_bar(timings: Mapping[str, float]) -> None:
    """Show the stages in order. If ``total`` exceeds their sum, the remainder appears as an extra stage."""
    total = timings.get("total", 0.0)
    stages = _stages(timings)
    rest = total - sum(seconds for _, _, seconds in stages)
    if rest > 0.05:
        stages.append(("everything else", "ts-part-free", rest))
    with box("ts-bar") as bar:
        bar.props["role"] = "img"
        bar.props["aria-label"] = _in_words(stages) or "no times recorded"
        _parts(stages, total)
    with box("ts-facts", "dl"):
        for words, colour, seconds in stages:
            with box("ts-fact"):
                with box("", "dt"):
                    box(f"ts-swatch {colour}", "span")
                    text(words)
                text(formats.duration(seconds), "ts-num", "dd")
        with box("ts-fact ts-fact-sum"):
            text("Total", "", "dt")
            text(formats.duration(total), "ts-num", "dd")


def timeline(timings: Mapping[str, float], total: float) -> None:
    """Show when an attempt began and how long each stage took, on a line of ``total`` seconds.

    Nothing is shown if no times are known: the histories of older versions have none.
    """
    began, stages = timings.get("began", 0.0), _stages(timings)
    if not stages or total <= 0:
        return
    ended = began + sum(seconds for _, _, seconds in stages)
    words = f"from {formats.duration(began)} to {formats.duration(ended)}: {_in_words(stages)}"
    with box("ts-bar ts-timeline") as bar:
        bar.props["role"] = "img"
        bar.props["aria-label"] = words
        _parts([("", "ts-part-before", began), *stages], max(total, ended))
    text(words, "ts-sub ts-timeline-words", "p")


Stage = tuple[str, str, float]
"""A stage's display name, its colour and its seconds."""


def _stages(timings: Mapping[str, float]) -> list[Stage]:
    return [(words, colour, timings[name]) for name, words, colour in STAGES if timings.get(name, 0.0) > 0]


def _in_words(stages: Sequence[Stage]) -> str:
    return ", ".join(f"{words} {formats.duration(seconds)}" for words, _, seconds in stages)


def _parts(stages: Sequence[Stage], total: float) -> None:
    for words, colour, seconds in stages:
        share = seconds / total if total else 0.0
        part = box(f"ts-bar-part {colour}").style(f"flex-grow: {share:.4f}")
        if words:
            part.props["title"] = f"{words} {formats.duration(seconds)}"
