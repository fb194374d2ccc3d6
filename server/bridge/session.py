"""The bridge's side of a client session with the hub, for both protocol generations.

Up to protocol 2025-11-25, a client sends ``initialize`` and gets an ``Mcp-Session-Id``, and the hub may send
its own requests. Since protocol 2026-07-28, each request is independent and names its protocol in
``params._meta``. The header names are those of the MCP specification, section "Streamable HTTP".
"""

import json
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from server.bridge import discovery, wire
from server.bridge.exchange import Exchange, HubGone

Message = dict[str, Any]

NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""Methods whose target is sent in the ``Mcp-Name`` header, and the parameter that contains it."""
SAFE_TO_REPEAT = ("initialize", "ping", "server/discover")
"""Requests without side effects, in addition to all requests that end in ``/list``."""
REOPENING_ID = "token-saver-mcp"
"""Id of the ``initialize`` request that reopens a session. Clients never see this id."""
REFUSALS = {
    413: "bad_arguments: The message is too large. Pass paths in `files` instead of contents.",
    503: "hub_error: The hub has too many open sessions. Close some clients, or restart the hub.",
}
"""Explanations of the hub's plain HTTP errors, which it sends before reading a message."""


class HubRefused(HubGone):
    """The hub answered with a refusal; a retry would not help."""


class Hub(NamedTuple):
    """The hub's address and token."""

    address: tuple[str, int]


class BridgeSession:
    """One client's session. Several threads can run requests concurrently."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._folder = discovery.state_folder()
        self._headers = _client_headers()
        self._hub: Hub | None = None
        self._session_id = ""
        self._version = ""
        self._initialize: Message | None = None
        self._opening = threading.RLock()
        self._awaited: set[str] = set()
        self._running: dict[str, Exchange] = {}
        self._cancelled: set[str] = set()

    def expect(self, message: Message) -> None:
        """Register a request before any later message is read, because one of those can cancel it."""
        self._awaited.add(_key(message["id"]))

    def forget(self, message: Message) -> None:
        """Discard a registered request that will not be sent."""
        self._awaited.discard(_key(message["id"]))

    def request(self, message: Message, line: bytes) -> None:
        """Send a request and write every message that the hub returns.

        Raises:
            HubGone: the message gives the client the reason and the next step.
        """
        key = _key(message["id"])
        try:
            self._ask(message, line)
        except HubGone:
            if key not in self._cancelled:
                raise
        finally:
            self._awaited.discard(key)
            self._cancelled.discard(key)

    def _ask(self, message: Message, line: bytes) -> None:
        """Send a request, retrying where that is safe, until it is fully answered."""
        if message["method"] == "initialize":
            self._initialize, self._session_id = message, ""
        repeatable = message["method"] in SAFE_TO_REPEAT or message["method"].endswith("/list")
        for last_try in (False, True):
            hub, session_id = self._ready(message)
            try:
                if self._exchange(hub, message, line):
                    return
            except HubRefused:
                raise
            except HubGone as gone:
                self._forget(hub)
                if last_try or (gone.sent and not repeatable):
                    raise _lost(gone, message) from None
                continue
            # The hub no longer knows the session or the token, because it was restarted.
            self._forget(hub, session_id)
        raise HubGone(
            "hub_unreachable: The hub refuses this session. Restart the client's connection.", sent=True
        )

    def tell(self, message: Message, line: bytes) -> None:
        """Send a notification or an answer. The hub returns nothing for these."""
        if message.get("method") == "notifications/cancelled" and self._cancel(message):
            return
        if not self._session_id:
            return  # in 2026-07-28 clients send only requests
        hub, _ = self._ready(message)
        exchange = self._to(hub)
        try:
            exchange.send("POST", self._request_headers(message), line)
        finally:
            exchange.close()
        if message.get("method") == "notifications/initialized":
            self._listen(hub)

    def end(self) -> None:
        """Drop running requests, which cancels them, and tell the hub that the session has ended."""
        for exchange in tuple(self._running.values()):
            exchange.abort()
        if self._hub is None or not self._session_id:
            return
        exchange = self._to(self._hub)
        # Do not wait for the hub's answer, because the client is exiting.
        threading.Thread(
            target=_quietly, args=(exchange, "DELETE", self._request_headers({})), daemon=True
        ).start()
        exchange.sent.wait(0.1)

    def _exchange(self, hub: Hub, message: Message, line: bytes) -> bool:
        """Send one request. Return False if the hub no longer knows the session or the token."""
        key = _key(message["id"])
        exchange = self._running[key] = self._to(hub)
        try:
            # `_cancel` uses the opposite order, so that one of the two always notices the other.
            if key in self._cancelled:
                return True
            exchange.send("POST", self._request_headers(message), line)
            if exchange.status == 401 or (exchange.status == 404 and self._session_id):
                return False
            _refuse_plain(exchange)
            if message["method"] == "initialize":
                self._session_id = exchange.session_id
            self._relay(exchange, message, key)
        except HubGone:
            if not exchange.aborted:
                raise
        finally:
            self._running.pop(key, None)
            exchange.close()
        return True

    def _relay(self, exchange: Exchange, message: Message, key: str) -> None:
        """Write the returned messages up to and including the answer."""
        for line in exchange.messages():
            answer = _parse(line)
            if "method" in answer:
                self._write(line)
                continue
            if message["method"] == "initialize":
                self._version = answer.get("result", {}).get("protocolVersion", "")
            if key not in self._cancelled:
                # If an error occurs before the request is parsed, it has no id. The client needs the
                # request's id.
                named = answer.get("id") is not None
                self._write(line if named else json.dumps({**answer, "id": message["id"]}).encode())
            return
        raise HubGone(f"the hub closed the stream (HTTP {exchange.status})", sent=True)

    def _to(self, hub: Hub) -> Exchange:
        # The token is read for each message (about 20 µs), so that a replaced token needs no special
        # handling.
        return Exchange(hub.address, discovery.read_token(self._folder))

    def _request_headers(self, message: Message) -> dict[str, str]:
        headers = dict(self._headers)
        params = message.get("params") or {}
        version = (params.get("_meta") or {}).get(wire.META_VERSION)
        if version:
            headers[wire.PROTOCOL_VERSION] = _header_value(str(version))
            method = message.get("method", "")  # an answer has none
            headers[wire.METHOD] = _header_value(method)
            if (named_by := NAMED_BY.get(method)) and isinstance(params.get(named_by), str):
                headers[wire.NAME] = _header_value(params[named_by])
        elif message.get("method") != "initialize" and self._session_id:
            headers[wire.SESSION_ID] = self._session_id
            headers[wire.PROTOCOL_VERSION] = self._version
        return headers

    def _cancel(self, message: Message) -> bool:
        """Cancel a request. Return True if closing its stream is enough."""
        key = _key((message.get("params") or {}).get("requestId"))
        if key not in self._awaited:
            return True  # answered in the meantime
        self._cancelled.add(key)
        exchange = self._running.get(key)
        if exchange is None:
            return True  # it still waits for the hub and will not be sent
        if self._session_id and not exchange.recall():
            return False  # the hub gets the notification and ends the request itself
        exchange.abort()
        return True

    def _ready(self, message: Message) -> tuple[Hub, str]:
        """Return the hub, starting it if necessary, and a session if the client needs one."""
        alone = wire.META_VERSION in ((message.get("params") or {}).get("_meta") or {})
        initialize = None if alone or message.get("method") == "initialize" else self._initialize
        with self._opening:
            for last_try in (False, True):
                if self._hub is None:
                    self._hub = _find_or_start(self._folder)
                try:
                    if initialize is not None and not self._session_id:
                        self._reopen(self._hub, initialize)
                    break
                except HubGone as gone:
                    self._hub = None  # it ended in the meantime
                    if last_try:
                        raise _not_there(gone) from None
            assert self._hub is not None
            return self._hub, self._session_id

    def _reopen(self, hub: Hub, initialize: Message) -> None:
        """Open a new session the way the client did, without involving the client."""
        line = json.dumps({**initialize, "id": REOPENING_ID}).encode()
        exchange = self._to(hub)
        try:
            exchange.send("POST", self._request_headers(initialize), line)
            self._version = (
                _parse(next(exchange.messages(), b"{}")).get("result", {}).get("protocolVersion", "")
            )
            self._session_id = exchange.session_id
        finally:
            exchange.close()
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        self.tell(note, json.dumps(note).encode())

    def _forget(self, hub: Hub, session_id: str | None = None) -> None:
        """Discard the hub so that it is looked up again, unless another thread has already done so."""
        with self._opening:
            if self._hub is hub and (session_id is None or session_id == self._session_id):
                self._hub, self._session_id = None, ""

    def _listen(self, hub: Hub) -> None:
        """Forward the hub's own messages for as long as this session lasts."""
        threading.Thread(target=self._pass_on, args=(hub, self._session_id), daemon=True).start()

    def _pass_on(self, hub: Hub, session_id: str) -> None:
        while session_id == self._session_id:
            exchange = self._to(hub)
            try:
                exchange.send("GET", self._request_headers({}))
                if exchange.status != 200:
                    return
                for line in exchange.messages():
                    self._write(line)
            except HubGone:
                return  # the next request notices this and opens a new session
            finally:
                exchange.close()


def _find_or_start(folder: str) -> Hub:
    """Return the running hub, or start one.

    Raises:
        HubGone: the hub does not start. The error contains the reason.
    """
    info = discovery.find_running(folder)
    if info is None:
        try:
            process = discovery.start_detached(folder)
        except OSError as error:
            raise HubGone(
                f"hub_unreachable: The hub cannot be started: {error}. Make the folder writable, or set "
                "TOKEN_SAVER_HOME to another folder.",
                sent=False,
            ) from None
        info = discovery.wait_for_hub(folder, process, discovery.START_SECONDS)
        if info is None:
            reason = discovery.why_not_started(folder, process)
            raise HubGone(
                f"hub_unreachable: The hub did not start: {reason} Run `token-saver serve` to see the "
                "reason.",
                sent=False,
            )
    return Hub(info.address)


def _client_headers() -> dict[str, str]:
    project = os.environ.get("CLAUDE_PROJECT_DIR") or _current_folder()
    session = os.environ.get("CLAUDE_CODE_SESSION_ID") or f"{os.getpid():x}{os.urandom(6).hex()}"
    return {
        **wire.JSON_HEADERS,
        wire.PROJECT: wire.percent_encoded(os.fsencode(project)),
        wire.CLIENT_SESSION: wire.percent_encoded(os.fsencode(session)),
    }


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - pathlib takes milliseconds to import
    except OSError:
        return ""  # the folder was removed, so there is no project


def _header_value(text: str) -> str:
    """Encode text that an HTTP header cannot carry unchanged (MCP 2026-07-28, header values)."""
    if text.isascii() and text.isprintable() and text == text.strip() and not text.startswith("=?base64?"):
        return text
    import base64  # noqa: PLC0415 - takes a millisecond and is rarely needed

    return f"=?base64?{base64.b64encode(text.encode(errors='surrogatepass')).decode()}?="


def _refuse_plain(exchange: Exchange) -> None:
    """Check that the answer is MCP.

    Raises:
        HubRefused: the hub refused the request before reading the message.
        HubGone: the hub ended in the meantime.
    """
    if exchange.status < 400 or exchange.content_type.startswith("application/json"):
        return
    if exchange.status == 500:
        raise HubGone("HTTP 500", sent=True)
    raise HubRefused(REFUSALS.get(exchange.status, f"hub_error: HTTP {exchange.status}."), sent=True)


def _not_there(gone: HubGone) -> HubGone:
    return HubGone(
        f"hub_unreachable: The hub does not answer ({gone}). Call again: a new hub will be started.",
        sent=False,
    )


def _lost(gone: HubGone, message: Message) -> HubGone:
    named = (message.get("params") or {}).get("name")
    first = (
        "`token-saver jobs` shows whether the batch started. If it started, it continues; do not "
        "repeat the call."
        if named == "batch_offload"
        else "First check whether the output was written."
    )
    return HubGone(
        f"hub_unreachable: The hub ended or stopped responding during this call ({gone}). Call again: a "
        f"new hub will be started. {first}",
        sent=gone.sent,
    )


def _key(request_id: object) -> str:
    """Convert an id to a string that distinguishes 1 from "1"."""
    return json.dumps(request_id)


def _parse(line: bytes) -> Message:
    try:
        message: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise HubGone(f"the hub's answer is invalid: {error}", sent=True) from None
    return message if isinstance(message, dict) else {}


def _quietly(exchange: Exchange, method: str, headers: dict[str, str]) -> None:
    try:
        exchange.send(method, headers)
    except HubGone:
        return
