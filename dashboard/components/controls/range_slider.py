"""A slider for a number within a range. It is the browser's native slider, so keyboards and screen readers
work.
"""

from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from dashboard.components.controls.elements import box, set_prop

NUMBER = "(event) => emit(Number(event.target.value))"


class RangeSlider:
    """A slider. ``on_move`` receives every value while the user drags it, ``on_choice`` the final one."""

    def __init__(
        self,
        span: tuple[float, float, float],
        value: float,
        label: str,
        on_move: Callable[[float], object],
        on_choice: Callable[[float], Awaitable[object]],
    ) -> None:
        least, most, step = span
        self._range = box("ts-range", "input", label)
        # ".value" sets the control only when it changes. Vue would set "value" again with every update of the
        # page, and so move the slider away from the user's choice.
        self._range.props.update({"type": "range", "min": least, "max": most, "step": step, ".value": value})

        async def choose(event: GenericEventArguments) -> None:
            chosen = float(event.args)
            self.set_value(chosen)
            await on_choice(chosen)

        self._range.on("input", lambda event: on_move(float(event.args)), js_handler=NUMBER)
        self._range.on("change", choose, js_handler=NUMBER)

    def set_value(self, value: float) -> None:
        """Show a different value."""
        set_prop(self._range, ".value", value)
