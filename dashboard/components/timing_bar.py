"""Where the time of one offload went, as one bar with a legend."""

from nicegui import ui

from dashboard.format import duration

PARTS = {
    "queue": "queue",
    "load": "load",
    "prompt": "prompt",
    "generate": "generate",
    "check": "check",
    "write": "write",
}


def timing_bar(timings: dict[str, float]) -> None:
    """Draw the stages that took time, in order; the rest of the total is called ``other``."""
    total = timings.get("total", 0.0)
    parts = [(words, timings.get(name, 0.0)) for name, words in PARTS.items() if timings.get(name, 0.0) > 0]
    rest = total - sum(seconds for _, seconds in parts)
    if rest > 0.05 * total:
        parts.append(("other", rest))
    if not parts:
        return
    whole = max(total, sum(seconds for _, seconds in parts))
    with ui.element("div").classes("ts-bar ts-tall").props("aria-hidden=true"):
        for name, seconds in parts:
            ui.element("span").classes(f"ts-t-{name}").style(f"width:{seconds / whole:.1%}")
    with ui.element("div").classes("ts-legend"):
        for name, seconds in parts:
            with ui.element("span"):
                ui.element("i").classes(f"ts-t-{name}")
                ui.label(f"{name} {duration(seconds)}").classes("ts-num")
        ui.label(f"in all {duration(total)}").classes("ts-num ts-strong")
