"""HTTP client for commands, connected to the running hub or to a temporary hub for a single call."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.bridge import discovery, wire
from server.bridge.discovery import HubInfo
from server.bridge.exchange import SILENCE_SECONDS, Exchange, HubGone
from server.bridge.http1 import HubConnection, HubResponse
from server.bridge.hub_identity import demand_proof
from server.commands.terminal.progress import Step
from server.common.errors import HubUnreachable, TokenSaverError
from server.config.folders import Folders
from server.store.records import SHELL, SHELL_SESSION
from server.web.instance import AlreadyRunning, claim

if TYPE_CHECKING:
    from server.config.settings import Settings

ANSWER_SECONDS = 30.0
"""Maximum time without any response from the hub (seconds)."""

OnProgress = Callable[[Step], None]


@dataclass(frozen=True)
class ToolAnswer:
    """A tool's answer. ``meta`` holds the outcome in machine-readable form."""

    text: str
    failed: bool
    meta: dict[str, Any]


class HubAnswered(TokenSaverError):
    """The hub answered with an error. The message comes from the hub."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "")

    def __str__(self) -> str:
        return self.cause


class HubClient:
    """HTTP connection to one hub."""

    def __init__(self, info: HubInfo, token: str) -> None:
        self.info = info
        self._token = token
        self.session = f"{SHELL_SESSION}{os.getppid()}"
        """The session that tool calls belong to."""

    def get(self, path: str) -> Any:
        """Return the JSON at ``path``.

        Raises:
            HubUnreachable: the hub does not answer.
            HubAnswered: the hub answered with an error.
        """
        return self._exchange("GET", path, b"")

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Post JSON and return the JSON response. Raises the same errors as ``get``."""
        return self._exchange("POST", path, json.dumps(body or {}).encode())

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Post JSON and yield each JSON line of the response. Closing the generator cancels the work.

        Raises:
            HubUnreachable: the hub does not answer or closed the connection.
            HubAnswered: the hub refused the request.
        """
        with self._answer("POST", path, json.dumps(body).encode(), SILENCE_SECONDS) as answer:
            if answer.status >= 400:
                raise HubAnswered(answer.body.read(4096).decode("utf-8", "replace"))
            while line := answer.body.readline():
                if line.strip():
                    yield json.loads(line)

    def call_tool(self, name: str, arguments: dict[str, Any], on_progress: OnProgress) -> ToolAnswer:
        """Call an MCP tool for the current folder. An exception during the call cancels the call.

        Raises:
            HubUnreachable: the hub does not answer or closed the connection.
            HubAnswered: the hub refused the call.
        """
        headers, body = self._tool_request(name, arguments)
        exchange = Exchange(self.info.address, self._token)
        try:
            exchange.send("POST", headers, body)
            for line in exchange.messages():
                message = json.loads(line)
                if "method" not in message:
                    return _tool_answer(message)
                if text := message.get("params", {}).get("message"):
                    params = message["params"]
                    on_progress(Step(str(text), params.get("progress") or 0.0, params.get("total")))
        except HubGone as gone:
            raise _unreachable(str(gone)) from None
        except ValueError:  # not JSON: the hub ended during the call, or the call is too long
            raise _unreachable(f"HTTP {exchange.status}") from None
        finally:
            exchange.abort()
            exchange.close()
        raise _unreachable("it closed the connection")

    def _tool_request(self, name: str, arguments: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        meta = {
            wire.META_VERSION: wire.MODERN_VERSION,
            wire.META_CLIENT: {"name": SHELL, "version": self.info.version},
            wire.META_CAPABILITIES: {},
            wire.META_PROGRESS: 1,
        }
        params = {"name": name, "arguments": arguments, "_meta": meta}
        headers = {
            **wire.JSON_HEADERS,
            wire.PROTOCOL_VERSION: wire.MODERN_VERSION,
            wire.METHOD: "tools/call",
            wire.NAME: name,
            wire.PROJECT: wire.percent_encoded(os.fsencode(Path.cwd())),
            wire.CLIENT_SESSION: self.session,
        }
        request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return headers, json.dumps(request).encode()

    def _exchange(self, method: str, path: str, body: bytes) -> Any:
        with self._answer(method, path, body, ANSWER_SECONDS) as answer:
            try:
                said: Any = json.loads(answer.body.read())
            except ValueError:
                raise _unreachable(f"HTTP {answer.status}") from None
        if answer.status >= 400:
            raise HubAnswered(str(said.get("message", said)))
        return said

    @contextlib.contextmanager
    def _answer(self, method: str, path: str, body: bytes, seconds: float) -> Iterator[HubResponse]:
        """Send a request with the token, after verifying the hub's identity."""
        headers = {**wire.JSON_HEADERS, wire.AUTHORIZATION: wire.bearer(self._token)}
        try:
            with contextlib.closing(HubConnection(self.info.address, seconds)) as connection:
                demand_proof(connection, self._token)
                connection.send(method, path, headers, body)
                yield connection.answer()
        except (OSError, ValueError) as error:
            raise _unreachable(str(error)) from None


def connect(folders: Folders) -> HubClient:
    """Return a client for the running hub.

    Raises:
        HubUnreachable: no hub is running.
    """
    info = discovery.find_running(str(folders.state))
    if info is None:
        raise HubUnreachable("No hub is running.", "Start it with `token-saver`.")
    return HubClient(info, discovery.read_token(str(folders.state)))


def connect_or_start(folders: Folders) -> HubClient:
    """Return a client for the running hub. If there is none, start a hub that keeps running.

    Raises:
        HubUnreachable: the hub does not start.
    """
    with contextlib.suppress(HubUnreachable):
        return connect(folders)
    state = str(folders.state)
    process = discovery.start_detached(state)
    if discovery.wait_for_hub(state, process, discovery.START_SECONDS) is None:
        reason = discovery.why_not_started(state, process)
        raise HubUnreachable(f"The hub did not start: {reason}", "Run `token-saver serve` to see the reason.")
    return connect(folders)


@contextlib.contextmanager
def hub_for_call(settings: "Settings", folders: Folders) -> Iterator[HubClient]:
    """Yield a client for the running hub, or for a temporary hub that stops when the ``with`` block ends.

    Raises:
        TokenSaverError: the hub does not answer or cannot be started.
    """
    if discovery.find_running(str(folders.state)) is not None:
        yield connect(folders)
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(claim(folders))
        except AlreadyRunning:
            yield connect(folders)
            return
        # Imported here because the import takes a second and a running hub does not need it.
        from server.web.log_file import log_to_file  # noqa: PLC0415
        from server.web.serve import running_hub  # noqa: PLC0415

        log_to_file(settings, folders)
        command = " ".join(("token-saver", *sys.argv[1:2]))
        stack.enter_context(running_hub(settings, folders, command=command))
        yield connect(folders)


def _tool_answer(message: dict[str, Any]) -> ToolAnswer:
    if (error := message.get("error")) is not None:
        raise HubAnswered(str(error.get("message", error)))
    result = message["result"]
    text = "\n".join(block.get("text", "") for block in result.get("content", []))
    failed = bool(result.get("isError"))
    return ToolAnswer(text, failed, result.get("_meta") or {})


def _unreachable(cause: str) -> HubUnreachable:
    return HubUnreachable(
        f"The hub does not answer: {cause}.", "Read `token-saver logs`, then restart the app."
    )
