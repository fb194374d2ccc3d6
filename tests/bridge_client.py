"""A client of ``token-saver-mcp`` that sends raw lines, for protocol details that a package would hide."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BRIDGE = [sys.executable, "-P", "-m", "server.bridge"]
SECONDS = 90

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "raw", "version": "1"}

Message = dict[str, Any]


class RawClient:
    """Runs the bridge within a ``with`` block.

    ``received`` holds every message except the awaited answers. ``quiet`` discards the bridge's standard
    error.
    """

    def __init__(
        self,
        environ: dict[str, str],
        project: Path,
        command: Sequence[str] = BRIDGE,
        *,
        quiet: bool = False,
    ) -> None:
        self.process = subprocess.Popen(
            command,
            env=environ,
            cwd=project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
        )
        self.received: list[Message] = []
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._next_id = 0
        self._together: list[bytes] | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(SECONDS)
        self.process.stdout.close()

    def initialize(self, capabilities: Message | None = None) -> Message:
        """Open a session of the protocol up to 2025-11-25."""
        params = {"protocolVersion": LEGACY, "capabilities": capabilities or {}, "clientInfo": CLIENT}
        answer = self.request("initialize", params)
        self.notify("notifications/initialized")
        return answer

    def modern(self, method: str, params: Message | None = None) -> Message:
        """Send a request of protocol 2026-07-28 and return its answer."""
        return self.answer(self.send_modern(method, params))

    def send_modern(self, method: str, params: Message | None = None) -> int:
        meta = {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": CLIENT,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        given = params or {}
        return self.send(method, {**given, "_meta": {**meta, **given.get("_meta", {})}})

    def request(self, method: str, params: Message | None = None) -> Message:
        """Send a request and return its answer."""
        return self.answer(self.send(method, params))

    def send(self, method: str, params: Message | None = None) -> int:
        """Send a request and return its id."""
        self._next_id += 1
        self.write({"id": self._next_id, "method": method, "params": params or {}})
        return self._next_id

    def notify(self, method: str, params: Message | None = None) -> None:
        """Send a notification."""
        self.write({"method": method, "params": params or {}})

    def write(self, message: Message) -> None:
        """Send any message."""
        self.write_line(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def write_line(self, line: bytes) -> None:
        """Send a line unchanged."""
        if self._together is not None:
            self._together.append(line)
            return
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Send the messages of a ``with`` block at once, so that no time passes between them."""
        self._together = lines = []
        yield
        self._together = None
        self.write_line(b"\n".join(lines))

    def answer(self, request_id: int | str | None) -> Message:
        """Wait for the answer to a request; everything else goes to ``received``."""
        while True:
            message = self.next()
            if "method" not in message and message["id"] == request_id:
                return message
            self.received.append(message)

    def next(self, seconds: float = SECONDS) -> Message:
        """Wait for the next message of any kind."""
        message: Message = json.loads(self._lines.get(timeout=seconds))
        return message

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)


def tool_names(answer: Message) -> list[str]:
    """Return the names in an answer to ``tools/list``."""
    result = answer["result"]
    assert isinstance(result, dict)
    return [tool["name"] for tool in result["tools"]]
