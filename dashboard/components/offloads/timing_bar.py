"""The time an offload spent in each stage, as a single bar."""

from collections.abc import Mapping

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
    stages = [(words, colour, timings.get(name, 0.0)) for name, words, colour in STAGES]
    rest = total - sum(seconds for _, _, seconds in stages)
    if rest > 0.05:
        stages.append(("everything else", "ts-part-free", rest))
    shown = [(words, colour, seconds) for words, colour, seconds in stages if seconds > 0]
    with box("ts-bar") as bar:
        bar.props["role"] = "img"
        bar.props["aria-label"] = (
            ", ".join(f"{words} {formats.duration(s)}" for words, _, s in shown) or "no times recorded"
        )
        for words, colour, seconds in shown:
            segment = box(f"ts-bar-part {colour}").style(f"flex-grow: {seconds / total if total else 0:.4f}")
            segment.props["title"] = f"{words} {formats.duration(seconds)}"
    with box("ts-facts", "dl"):
        for words, colour, seconds in shown:
            with box("ts-fact"):
                with box("", "dt"):
                    box(f"ts-swatch {colour}", "span")
                    text(words)
                text(formats.duration(seconds), "ts-num", "dd")
        with box("ts-fact ts-fact-sum"):
            text("Total", "", "dt")
            text(formats.duration(total), "ts-num", "dd")
