"""Server that sends given bytes, for answers that a proper server would not send."""

import socket
import ssl
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Self

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"


class RawServer:
    """Answers every request on a free port with ``pieces``, then closes, or waits if ``hangs``.

    ``tls`` makes it an https server. ``sent`` counts the bytes of answers that a client took.
    """

    def __init__(
        self, pieces: Iterable[bytes], *, hangs: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.sent = 0
        self._pieces = pieces
        self._hangs = hangs
        self._tls = tls
        self._stopping = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        """The server's address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with socket.create_connection(self._listening.getsockname()):
            pass  # wakes the thread that waits for a connection
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            if self._stopping.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, accepted: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(accepted, server_side=True) if self._tls else accepted
        except OSError:  # the client rejected the certificate
            accepted.close()
            return
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    received = connection.recv(1 << 20)
                    if not received:
                        return
                    request += received
                for piece in self._pieces:
                    connection.sendall(piece)
                    self.sent += len(piece)
                if self._hangs:
                    self._stopping.wait()
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                while connection.recv(1 << 20):  # closing with unread bytes would discard the answer
                    pass
            except OSError:
                return  # the client closed the connection
