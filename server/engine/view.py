"""The engine's last known state, as part of the snapshot."""

from dataclasses import dataclass

from server.backends.base import Capabilities, EngineDevice, InstalledModel, LoadedModel

LOOKING = "Looking for an engine."
"""The value of ``error`` before the first discovery, which is not a failure."""


@dataclass(frozen=True)
class EngineView:
    """The engine's last known state. ``error`` gives the cause and what to do next; empty if all is well."""

    kind: str
    label: str
    url: str
    capabilities: Capabilities
    installed: tuple[InstalledModel, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    default_model: str = ""
    error: str = ""
    devices: tuple[EngineDevice, ...] | None = None
    """The GPUs that the engine says it uses; None if it does not report any or has not been asked yet."""
    notice: str = ""
    """Why this is not the engine the user expects; empty if it is."""
    rejected_builds: tuple[str, ...] = ()
    """Builds that the engine found but cannot use, and why; one sentence each, without a full stop."""
