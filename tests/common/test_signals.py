"""Listeners of changes, and the request to quit."""

import logging
import threading

import pytest

from server.common.signals import Listeners, QuitSignal


def test_listeners_are_called_until_they_are_removed() -> None:
    listeners, calls = Listeners(), []
    remove = listeners.add(lambda: calls.append("first"))
    listeners.add(lambda: calls.append("second"))
    listeners.notify()
    remove()
    listeners.notify()
    assert calls == ["first", "second", "second"]


def test_a_listener_that_fails_does_not_keep_the_others_from_being_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners, calls = Listeners(), []

    def fail() -> None:
        raise OSError("broke off")

    listeners.add(fail)
    listeners.add(lambda: calls.append("called"))
    with caplog.at_level(logging.ERROR):
        listeners.notify()
    assert calls == ["called"]
    assert "broke off" in caplog.text


def test_a_request_to_quit_reaches_early_and_late_listeners_and_who_waits() -> None:
    quit_signal, calls = QuitSignal(), []
    waiting = threading.Thread(target=quit_signal.wait)
    waiting.start()
    quit_signal.on_request(lambda: calls.append("early"))
    assert waiting.is_alive()
    quit_signal.request()
    quit_signal.on_request(lambda: calls.append("late"))
    waiting.join(10)
    assert calls == ["early", "late"]
    assert not waiting.is_alive()
