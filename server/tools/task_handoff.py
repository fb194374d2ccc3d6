"""A call that waits for a batch hands it over when its client's patience ends: the client gets a task."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class TaskHandoff:
    """The batch that goes on without the call, empty for none."""

    job_id: str = ""


_wanted: ContextVar[TaskHandoff | None] = ContextVar("handoff", default=None)


@contextmanager
def handoff_wanted() -> Iterator[TaskHandoff]:
    """Let calls that begin within the ``with`` block hand over what they wait for."""
    handoff = TaskHandoff()
    token = _wanted.set(handoff)
    try:
        yield handoff
    finally:
        _wanted.reset(token)


def wanted_handoff() -> TaskHandoff | None:
    """Return where the call that runs may leave its batch, None where its client knows no tasks."""
    return _wanted.get()
