"""A hint that the engine is running on the CPU although this machine has a GPU."""

from collections.abc import Sequence

from dashboard.components.controls.elements import box, icon, text
from server.backends.base import EngineDevice
from server.gpu.engine_devices import idle_gpu, idle_gpu_advice
from server.gpu.hardware import Machine


class IdleGpuHint:
    """Hidden unless there is an idle GPU."""

    def __init__(self) -> None:
        with box("ts-hint") as self._hint:
            icon("bolt")
            with box("ts-grow"):
                self._what = text("", "ts-hint-head", "p")
                self._advice = text("", "ts-sub", "p")
        self._hint.set_visibility(False)

    def update(self, machine: Machine | None, devices: Sequence[EngineDevice] | None) -> None:
        """Show the hint if it applies."""
        unused = idle_gpu(machine, devices) if machine is not None else ""
        self._hint.set_visibility(bool(unused))
        if unused:
            what, advice = idle_gpu_advice(unused)
            self._what.set_text(f"{what[:1].upper()}{what[1:]}.")
            self._advice.set_text(f"To use it, {advice}.")
