"""The last known state of the engine, as part of the snapshot."""

from dataclasses import dataclass

from server.backends.base import Capabilities, EngineDevice, InstalledModel, LoadedModel

LOOKING = "Looking for an engine."
"""The ``error`` before the first discovery. It is not a failure."""


@dataclass(frozen=True)
class EngineView:
    """The last known state of the engine. ``error`` is a cause with its next step; empty without an error."""

    kind: str
    label: str
    url: str
    capabilities: Capabilities
    installed: tuple[InstalledModel, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    default_model: str = ""
    error: str = ""
    devices: tuple[EngineDevice, ...] | None = None
    """The GPUs on which the engine reports to compute; None if it reports none or was not asked yet."""
    notice: str = ""
    """Why this is not the engine that the user expects; empty if it is."""
