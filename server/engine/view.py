"""The engine as last seen, for the snapshot."""

from dataclasses import dataclass

from server.backends.base import Capabilities, InstalledModel, LoadedModel

LOOKING = "Looking for an engine."
"""The ``error`` of an engine that nobody has looked for yet: no trouble so far."""


@dataclass(frozen=True)
class EngineView:
    """The engine as last seen. ``error`` is one sentence with the next step, empty when it is well."""

    kind: str
    label: str
    url: str
    capabilities: Capabilities
    installed: tuple[InstalledModel, ...] = ()
    loaded: tuple[LoadedModel, ...] = ()
    default_model: str = ""
    error: str = ""
