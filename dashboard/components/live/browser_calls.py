"""Calls of methods that components have in the browser: all that are made at once go in one message.

What one message changes is drawn in one frame, and a frame is what costs a browser most. Pages get theirs in
turn: ten browsers that draw at the same moment would take every core from the model that writes.
"""

import asyncio
import json
from weakref import WeakKeyDictionary

from nicegui import Client
from nicegui.element import Element

TURN_SECONDS = 0.04
"""Between the messages of two pages: about what a frame takes without a graphics card."""

_waiting: WeakKeyDictionary[Client, list[tuple[int, str, tuple[object, ...]]]] = WeakKeyDictionary()
_next_turn = 0.0


def call_in_browser(element: Element, method: str, *arguments: object) -> None:
    """Call a method of the element's component; arguments are what JSON can say. In the hub's loop alone."""
    client = element.client
    calls = _waiting.setdefault(client, [])
    if not calls:
        _take_turn(client)
    calls.append((element.id, method, arguments))


def _take_turn(client: Client) -> None:
    """Send what is called until then as soon as the page that came before has had its time."""
    global _next_turn  # noqa: PLW0603 - all pages of this process share its cores
    loop = asyncio.get_running_loop()
    at = max(loop.time(), _next_turn)
    _next_turn = at + TURN_SECONDS
    loop.call_at(at, _send, client)


def _send(client: Client) -> None:
    calls = _waiting.pop(client)
    if not client.is_deleted:
        client.run_javascript(f"{json.dumps(calls)}.forEach(each => runMethod(...each))")
