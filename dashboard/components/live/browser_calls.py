"""Method calls on components in the browser, batched into one message per page.

The browser draws all changes from a message in a single frame, and frames are its greatest cost. Pages take
turns: ten browsers drawing at once would take every core away from the model.
"""

import asyncio
import json
from weakref import WeakKeyDictionary

from nicegui import Client
from nicegui.element import Element

from dashboard.throttle import Throttle

TURN_SECONDS = 0.04
"""Pause between messages to different pages: about one frame on a machine without a graphics card."""

_waiting: WeakKeyDictionary[Client, list[tuple[int, str, tuple[object, ...]]]] = WeakKeyDictionary()
_turns = Throttle(TURN_SECONDS)
"""Shared by all pages in the process, because they share its cores."""


def call_in_browser(element: Element, method: str, *arguments: object) -> None:
    """Call a method on the element's browser component with JSON arguments. Only call this from the hub's
    event loop.
    """
    client = element.client
    calls = _waiting.setdefault(client, [])
    if not calls:
        _take_turn(client)
    calls.append((element.id, method, arguments))


def _take_turn(client: Client) -> None:
    """Schedule the page's message to follow the previous page's turn."""
    loop = asyncio.get_running_loop()
    at = max(loop.time(), _turns.next_at)
    _turns.ran(at, at)
    loop.call_at(at, _send, client)


def _send(client: Client) -> None:
    calls = _waiting.pop(client)
    if not client.is_deleted:
        client.run_javascript(f"{json.dumps(calls)}.forEach(each => runMethod(...each))")
