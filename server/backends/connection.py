"""HTTP connection to an engine, with limits and the app's own errors, but without redirects or proxies.

Every request uses its own connection. An engine stops working on a request when its connection closes, so
connections must not be kept alive.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from server.backends.address import place_of, require_allowed
from server.backends.error_texts import error_details, plain_error
from server.backends.generation_limits import StallGuard
from server.backends.trust import distrust, ssl_context
from server.backends.wire import Garbled, LineReader, dump, excerpt, parse_object
from server.common.errors import BackendFailed, BackendUnreachable, EngineBusy
from server.config.sections import BackendSettings

BODY_LIMIT = 32 << 20
"""Maximum size of a complete answer (bytes). A list of models with their templates takes about 100 kB."""
REFUSAL_LIMIT = 64 << 10
"""Maximum number of bytes read from an error body."""
BUSY_STATUSES = frozenset({502, 503, 504})
"""HTTP statuses sent by a server that is loading a model or a gateway whose engine is down."""
LOADING_TYPE = "unavailable_error"
"""The error type that llama-server reports while it loads a model."""
MOST_RETRY_SECONDS = 600.0
ANSWER_SECONDS = 30.0
"""Timeout on a busy machine for a request that causes no work, such as listing models (seconds). Also the
timeout for a non-streamed response body once its headers have arrived.
"""
HEAD_MARGIN = 5.0
"""Timeout for sending the request, and for the rest of the headers or of a body piece after its first byte
(seconds).
"""


class Refused(Exception):
    """The engine answered with an HTTP error. Each dialect translates it, so it never leaves this package.

    ``message`` is the engine's own wording, ``details`` holds the accompanying fields, and ``retry_after`` is
    the value of the ``Retry-After`` header in seconds (0 without the header).
    """

    def __init__(self, status: int, message: str, details: dict[str, Any], retry_after: float = 0.0) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.details = details
        self.retry_after = retry_after

    @property
    def is_busy(self) -> bool:
        """Return whether the engine is loading a model or a gateway has no engine behind it."""
        return self.status in BUSY_STATUSES or self.details.get("type") == LOADING_TYPE


class EngineConnection:
    """Sends requests to the engine at ``url``.

    Args:
        url: as ``address.engine_url`` returns it.
        settings: timeouts, and whether other machines are allowed.
        product: the engine's name, for error messages.
        start_hint: one sentence on what to do if the address does not answer.
        api_key: sent as a bearer token unless empty.

    Raises:
        SettingsError: the engine is on another machine, which is not allowed.
    """

    def __init__(
        self, url: str, settings: BackendSettings, *, product: str, start_hint: str, api_key: str = ""
    ) -> None:
        require_allowed(url, allow_remote=settings.allow_remote)
        self.url = url
        self.product = product
        self._start_hint = start_hint
        self._silence = settings.silence_timeout
        # An engine that sends its answer's head byte by byte is not silent.
        self._head_seconds = settings.connect_timeout + self._silence + HEAD_MARGIN
        headers = {"Accept-Encoding": "identity", "User-Agent": "token-saver"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=httpx.Timeout(self._silence, connect=settings.connect_timeout, pool=None),
            transport=httpx.AsyncHTTPTransport(
                limits=httpx.Limits(max_keepalive_connections=0),
                # Reading the certificates takes 15 ms.
                verify=ssl_context(settings.ca_file) if url.startswith("https:") else False,
                trust_env=False,
                retries=1,  # a machine that is busy for a moment must not count as unreachable
            ),
            follow_redirects=False,
            trust_env=False,  # a proxy from the environment would receive the user's code
        )

    async def fetch(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        seconds: float | None = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Return the JSON object in the engine's answer.

        ``seconds`` limits the whole exchange. None is for actual work: only the limit on silence applies.

        Raises:
            Refused: the engine answered with an HTTP error.
            BackendUnreachable: the address does not answer.
            BackendFailed: the engine closed the connection, took too long, or sent invalid data.
        """
        with self._translated(seconds):
            async with asyncio.timeout(seconds), self._open(method, path, body) as response:
                await self._pass_or_refuse(response)
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await self._read(response, BODY_LIMIT)
                return parse_object(answer)

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Send a request whose answer does not matter.

        Raises:
            Refused, BackendUnreachable, BackendFailed: as in ``fetch``.
        """
        with self._translated(ANSWER_SECONDS):
            async with asyncio.timeout(ANSWER_SECONDS), self._open(method, path, body) as response:
                await self._pass_or_refuse(response)

    def stall_guard(self) -> StallGuard:
        """Return a guard that limits the time one generation can go without progress."""
        return StallGuard(self._silence)

    async def stream(
        self, path: str, body: dict[str, Any], stall: StallGuard | None = None
    ) -> AsyncGenerator[str, None]:
        """POST ``body`` and yield the answer's lines without their line endings, skipping empty lines.

        ``stall`` aborts an answer that continues without progress. Closing the generator closes the
        connection. A final line without a line ending is also yielded; the dialect decides whether the
        stream is complete.

        Raises:
            Refused: the engine answered with an HTTP error.
            BackendUnreachable: the address does not answer.
            BackendFailed: the engine closed the connection, stopped sending, or sent invalid or endless data.
        """
        with self._translated(None):
            async with self._open("POST", path, body) as response:
                await self._pass_or_refuse(response)
                lines = LineReader()
                chunks = response.aiter_raw()
                while chunk := await self._next(chunks):
                    if stall is not None:
                        stall.check()
                    for line in lines.read(chunk):
                        yield line
                for line in lines.end():
                    yield line

    async def close(self) -> None:
        """Close every connection to the engine."""
        await self._client.aclose()

    def failed(self, action: str, next_step: str = "") -> BackendFailed:
        """Return an error with the engine as the subject and ``action`` as the predicate."""
        return BackendFailed(
            f"{self.product} at {place_of(self.url)} {action}.",
            next_step or f"Try again. If this happens again, restart {self.product} and check its log.",
        )

    def busy(self, refusal: Refused) -> EngineBusy:
        """Return the error for a refusal whose ``is_busy`` is true."""
        reason = refusal.message.rstrip(".") or f"status {refusal.status}"
        return EngineBusy(
            f"{self.product} at {place_of(self.url)} is loading a model or busy ({reason}).",
            "Try again in a moment.",
            retry_after=refusal.retry_after,
        )

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> AsyncIterator[httpx.Response]:
        if self._client.is_closed:  # another task noticed that the engine is gone and closed this connection
            raise BackendUnreachable(f"{self.product} at {place_of(self.url)} has stopped.", self._start_hint)
        content = None if body is None else dump(body)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        request = self._client.stream(method, path, content=content, headers=headers)
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._head_seconds):
                response = await stack.enter_async_context(request)
            yield response

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes:
        """Return the next piece of a body; empty at its end. The limit on silence covers the whole piece,
        because an engine can send the head of a chunk byte by byte.
        """
        async with asyncio.timeout(self._silence + HEAD_MARGIN):
            return await anext(chunks, b"")

    async def _pass_or_refuse(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        if response.is_redirect:
            target = excerpt(response.headers.get("location", ""))
            raise self.failed(
                f"answered with a redirect to {target}, which is not followed",
                "Set [backend] url to the engine's own address.",
            )
        async with asyncio.timeout(ANSWER_SECONDS):
            body = await self._read(response, REFUSAL_LIMIT, cut=True)
        raise _refusal(response.status_code, body, _retry_after(response))

    @staticmethod
    async def _read(response: httpx.Response, limit: int, *, cut: bool = False) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > limit:
                if cut:
                    break
                raise Garbled(f"more than {limit >> 20} MB in one piece")
        return bytes(body[:limit])

    @contextmanager
    def _translated(self, seconds: float | None) -> Iterator[None]:
        """Convert errors raised during the exchange to the app's own errors."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if reason := distrust(error):
                raise self.failed(
                    f"answers, but its certificate is not trusted ({reason})",
                    "Set [backend] ca_file to the path of the engine's CA certificate, or set SSL_CERT_FILE.",
                ) from None
            raise BackendUnreachable(
                f"{self.product} does not answer at {place_of(self.url)}.", self._start_hint
            ) from None
        except httpx.TimeoutException:
            raise self.failed(
                f"sent nothing for {self._silence:g} s",
                "Try a smaller task or model, or raise [backend] silence_timeout.",
            ) from None
        except TimeoutError:
            limit = f" within {seconds:g} s" if seconds is not None else " in full in time"
            raise self.failed(f"did not answer{limit}") from None
        except httpx.HTTPError as error:
            raise self.failed(
                f"closed the connection early ({str(error) or type(error).__name__})".rstrip(".")
            ) from None
        except Garbled as error:
            raise self.failed(f"sent {error}") from None


def _refusal(status: int, body: bytes, retry_after: float) -> Refused:
    """Extract the error from ``body``. See ``error_texts`` for the known forms."""
    try:
        details = error_details(parse_object(body))
    except Garbled:
        return Refused(status, plain_error(body) or f"status {status}", {}, retry_after)
    return Refused(status, details["message"] or f"status {status}", details, retry_after)


def _retry_after(response: httpx.Response) -> float:
    """Return ``Retry-After``, which can be a number or a date, in seconds; 0 if missing or invalid."""
    text = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(text) if text[:1].isdigit() else _seconds_until(text)
    except (ValueError, OverflowError):
        return 0.0
    return min(max(0.0, seconds), MOST_RETRY_SECONDS)


def _seconds_until(date: str) -> float:
    if not date:
        return 0.0
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
