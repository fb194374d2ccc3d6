"""A stand-in for a hub: it proves its identity at once and answers every other request with one body."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from server.bridge.hub_identity import make_proof

TOKEN = "the-token"


@contextmanager
def hub_standin(home: Path, answer: bytes, seconds: float = 0.0) -> Iterator[list[str]]:
    """Run a stand-in that answers after some seconds within the ``with`` block; yields the requests' paths,
    except those without the token."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, seconds, asked))
    server.daemon_threads = True
    server.block_on_close = False
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text(TOKEN)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    (home / "hub.json").write_text(
        json.dumps({"url": url, "pid": os.getpid(), "version": "1", "started": time.time()})
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler(answer: bytes, seconds: float, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith("/healthz"):
                self._answer()
                return
            [nonce] = parse_qs(urlsplit(self.path).query)["nonce"]
            proof = make_proof(TOKEN, nonce, self.client_address, self.connection.getsockname())
            self._send(json.dumps({"proofs": [proof], "pid": os.getpid()}).encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer()

        def log_message(self, *arguments: object) -> None:
            return

        def _answer(self) -> None:
            if self.headers["authorization"] == f"Bearer {TOKEN}":
                asked.append(self.path)
                time.sleep(seconds)
                self._send(answer)
            else:
                self._send(b"{}", 401)

        def _send(self, body: bytes, status: int = 200) -> None:
            try:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # the client did not wait

    return Handler
