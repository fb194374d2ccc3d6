"""Delivery of events: to every subscribed listener, even if another one fails."""

import logging

import pytest

from server.common.events import EngineChanged, Event, EventBus

pytestmark = pytest.mark.fast


def test_every_listener_gets_every_event_until_it_unsubscribes() -> None:
    bus, first, second = EventBus(), [], []
    unsubscribe = bus.subscribe(first.append)
    bus.subscribe(second.append)
    bus.publish(EngineChanged())
    unsubscribe()
    bus.publish(EngineChanged())
    assert (len(first), len(second)) == (1, 2)


def test_failing_listener_is_logged_and_the_others_are_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, heard = EventBus(), []

    def fail(event: Event) -> None:
        raise RuntimeError(f"cannot take {event}")

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(EngineChanged())
    assert heard == [EngineChanged()]
    assert "EngineChanged" in caplog.text
