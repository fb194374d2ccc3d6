"""A slider for a number in a range: the browser's own, which keys and screen readers know."""

from collections.abc import Awaitable, Callable

from nicegui.events import GenericEventArguments

from dashboard.components.controls.elements import box

NUMBER = "(event) => emit(Number(event.target.value))"


class RangeSlider:
    """``on_move`` gets every value while the user moves it, ``on_choice`` the one where it is left."""

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
        """Show another value."""
        # The property may still hold it, after the user moved the slider away.
        self._range.props["value"] = value
        self._range.update()
