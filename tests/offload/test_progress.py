"""Progress of a running offload."""

import pytest

from server.common.events import Event, EventBus, OffloadText
from server.offload.run.progress import Progress
from tests.standins.serving import eventually

pytestmark = pytest.mark.anyio


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Ignore progress."""


async def test_all_text_is_reported_if_the_engine_pauses() -> None:
    events, told = EventBus(), list[Event]()
    events.subscribe(told.append)
    progress = Progress("1", _silent, events)
    async with progress.reporting():
        for tokens, piece in enumerate(("def ", "slug", "ify"), start=1):
            progress.text(piece, tokens, 10.0)
        await eventually(lambda: _written(told) == "def slugify")
    assert isinstance(told[-1], OffloadText)
    assert told[-1].tokens == 3


async def test_text_is_reported_before_the_next_stage() -> None:
    events, told = EventBus(), list[Event]()
    events.subscribe(told.append)
    progress = Progress("1", _silent, events)
    for tokens, piece in enumerate(("def ", "slugify"), start=1):
        progress.text(piece, tokens, 10.0)
    progress.stage("check")
    assert _written(told[:-1]) == "def slugify"
    assert not isinstance(told[-1], OffloadText)


def _written(told: list[Event]) -> str:
    return "".join(event.text for event in told if isinstance(event, OffloadText))
