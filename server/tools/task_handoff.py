"""A call that waits for a batch hands it over when its client's patience ends: the client gets a task."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Handover:
    """The batch that goes on without the call, empty for none."""

    job_id: str = ""


_wanted: ContextVar[Handover | None] = ContextVar("handover", default=None)


@contextmanager
def handover_wanted() -> Iterator[Handover]:
    """Let calls that begin within the ``with`` block hand over what they wait for."""
    handover = Handover()
    token = _wanted.set(handover)
    try:
        yield handover
    finally:
        _wanted.reset(token)


def wanted_handover() -> Handover | None:
    """Return where the call that runs may leave its batch, None where its client knows no tasks."""
    return _wanted.get()
