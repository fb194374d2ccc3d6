"""Calls of methods that components have in the browser: all that are made at once go in one message.

What one message changes is drawn in one frame, and a frame is what costs a browser most.
"""

import asyncio
import json
from weakref import WeakKeyDictionary

from nicegui import Client
from nicegui.element import Element

_waiting: WeakKeyDictionary[Client, list[tuple[int, str, tuple[object, ...]]]] = WeakKeyDictionary()


def call(element: Element, method: str, *arguments: object) -> None:
    """Call a method of the element's component; arguments are what JSON can say. In the hub's loop alone."""
    client = element.client
    calls = _waiting.setdefault(client, [])
    if not calls:
        asyncio.get_running_loop().call_soon(_send, client)
    calls.append((element.id, method, arguments))


def _send(client: Client) -> None:
    calls = _waiting.pop(client)
    if not client.is_deleted:
        client.run_javascript(f"{json.dumps(calls)}.forEach(each => runMethod(...each))")
