"""One step in a sequence: its number turns into a tick once the step is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.components.controls.elements import box, set_classes, set_prop, text


class StepCard:
    """One step in a sequence. ``body`` opens its content. ``on_change`` is called after each change of
    ``done``.
    """

    def __init__(
        self, number: int, heading: str, about: str = "", on_change: Callable[[], object] | None = None
    ) -> None:
        self.heading = heading
        self.done = False
        self._number = number
        self._on_change = on_change
        with box("ts-card ts-path-step", "section", heading) as self._card:
            self._mark = text(str(number), "ts-path-mark")
            self._mark.props.update({"role": "img", "aria-label": f"Step {number}"})
            with box("ts-path-content") as self._content, box("ts-path-head"):
                text(heading, tag="h2")
                self._state = text("", "ts-path-state")
                if about:
                    text(about, "ts-sub", "p")

    @contextmanager
    def body(self) -> Iterator[None]:
        """Open the step's content."""
        with self._content:
            yield

    def show_done(self, done: bool, words: str = "Done") -> None:
        """Show whether the step is done. ``words`` says so in text, because colour alone is not enough."""
        self._mark.set_text("✓" if done else str(self._number))
        set_prop(self._mark, "aria-label", f"Step {self._number}{', done' if done else ''}")
        self._state.set_text(words if done else "")
        set_classes(self._card, f"ts-card ts-path-step {'ts-path-done' if done else ''}".rstrip())
        if done != self.done:
            self.done = done
            if self._on_change is not None:
                self._on_change()
