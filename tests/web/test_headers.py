"""White space around the values of headers."""

import http.client
import json

from server.bridge import wire
from tests.bridge_client import MODERN
from tests.hub_process import HubProcess


def test_white_space_around_a_value_is_none_of_it(hub: HubProcess) -> None:
    meta = {
        wire.META_VERSION: MODERN,
        wire.META_CLIENT: {"name": "t", "version": "1"},
        wire.META_CAPABILITIES: {},
    }
    params = {"name": "list_loaded_models", "arguments": {}, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        **wire.JSON_HEADERS,
        wire.AUTHORIZATION: wire.bearer(hub.token),
        wire.PROTOCOL_VERSION: MODERN,
        wire.METHOD: "tools/call",
        wire.NAME: " \tlist_loaded_models \t ",
    }
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=120)
    connection.request("POST", "/mcp", body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    assert "HeaderMismatch" not in text
    assert "error" not in json.loads(text.rpartition("data: ")[2])
