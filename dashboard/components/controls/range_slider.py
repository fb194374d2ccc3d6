"""A slider for a number within a range. It is the browser's native slider, so keyboards and screen readers
work.
"""

from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from dashboard.components.controls.elements import box

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
        self._range.props.update({"type": "range", "min": least, "max": most, "step": step, "value": value})

        async def choose(event: GenericEventArguments) -> None:
            await on_choice(float(event.args))

        self._range.on("input", lambda event: on_move(float(event.args)), js_handler=NUMBER)
        self._range.on("change", choose, js_handler=NUMBER)

    def set_value(self, value: float) -> None:
        """Show a different value."""
        # The property can still hold the value, after the user moved the slider away.
        self._range.props["value"] = value
        self._range.update()
