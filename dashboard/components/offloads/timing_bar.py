"""Where the seconds of an offload went, as one bar."""

from collections.abc import Mapping

from dashboard import formats
from dashboard.components.controls.elements import box, text

STAGES = (
    ("queue", "waiting", "part-other"),
    ("load", "loading the model", "model-3"),
    ("prompt", "reading the prompt", "model-1"),
    ("generate", "writing", "model-0"),
    ("check", "checking", "model-2"),
    ("write", "delivering", "model-4"),
)
"""The keys of ``OffloadEnd.timings``, in words, each with a colour."""


def timing_bar(timings: Mapping[str, float]) -> None:
    """Show the stages in their order; ``total`` may be more than they add up to."""
    total = timings.get("total", 0.0)
    stages = [(words, colour, timings.get(name, 0.0)) for name, words, colour in STAGES]
    rest = total - sum(seconds for _, _, seconds in stages)
    if rest > 0.05:
        stages.append(("everything else", "part-free", rest))
    shown = [(words, colour, seconds) for words, colour, seconds in stages if seconds > 0]
    with box("bar") as bar:
        bar.props["role"] = "img"
        bar.props["aria-label"] = (
            ", ".join(f"{words} {formats.duration(s)}" for words, _, s in shown) or "no times"
        )
        for words, colour, seconds in shown:
            segment = box(f"bar-part {colour}").style(f"flex-grow: {seconds / total if total else 0:.4f}")
            segment.props["title"] = f"{words} {formats.duration(seconds)}"
    with box("facts", "dl"):
        for words, colour, seconds in shown:
            with box("fact"):
                with box("", "dt"):
                    box(f"swatch {colour}", "span")
                    text(words)
                text(formats.duration(seconds), "num", "dd")
        with box("fact fact-sum"):
            text("In all", "", "dt")
            text(formats.duration(total), "num", "dd")
