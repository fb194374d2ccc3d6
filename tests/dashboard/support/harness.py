"""A hub with a history, a stand-in engine, a project, and a browser that records errors."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

from tests.bridge_client import RawClient
from tests.hub_process import HubProcess
from tests.standins.ollama import OllamaStandIn

# The browser reports broken connections, which tests that stop the hub cause.
EXPECTED_WHILE_DOWN = re.compile(r"ERR_CONNECTION_REFUSED|WebSocket connection to")
WIDTH, HEIGHT = 1280, 900
"""Size of the window, unless a test sets another (CSS pixels)."""


@dataclass(frozen=True)
class DashboardHarness:
    """The hub, its engine, a project folder, and the ids of the history, newest last."""

    hub: HubProcess
    ollama: OllamaStandIn
    project: Path
    ids: list[str]

    def url(self, path: str = "/") -> str:
        """Return the address of a page."""
        return f"{self.hub.info.url}{path}"

    @contextmanager
    def client(self) -> Iterator[RawClient]:
        """Connect an MCP client for the ``with`` block."""
        with RawClient(self.hub.environ, self.project) as client:
            client.initialize()
            yield client


def settle(page: Page) -> None:
    """Wait until the page is connected to the hub and has drawn its content."""
    page.wait_for_function("window.did_handshake")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def login_link(hub: HubProcess) -> str:
    """Return a URL that logs in one browser."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=120)
    try:
        connection.request("POST", "/api/login", headers={"Authorization": f"Bearer {hub.token}"})
        return str(json.loads(connection.getresponse().read())["url"])
    finally:
        connection.close()


def ask(client: RawClient, task: str, **arguments: object) -> int:
    """Request an offload without waiting for it. Return the request's id."""
    return client.send("tools/call", {"name": "offload_work", "arguments": {"task": task, **arguments}})


@contextmanager
def batch(client: RawClient, **arguments: object) -> Iterator[str]:
    """Start a batch for the ``with`` block and yield its id. The rest of the batch is cancelled at the
    end."""
    asked = {"name": "batch_offload", "arguments": {**arguments, "wait": False}}
    answer = str(client.answer(client.send("tools/call", asked)))
    found = re.search(r"\bj[0-9a-f]{8}\b", answer)
    assert found, answer
    try:
        yield found[0]
    finally:
        asked = {"name": "check_job", "arguments": {"job": found[0], "action": "cancel"}}
        client.answer(client.send("tools/call", asked))


@dataclass
class Witness:
    """The errors of one browser context."""

    port: int
    hub_may_be_down: bool = False
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Record every error of this page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        expected = self.hub_may_be_down and EXPECTED_WHILE_DOWN.search(message.text)
        if message.type in ("error", "warning") and not expected:
            self.errors.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != f"127.0.0.1:{self.port}":
            self.errors.append(f"another host: {request.url}")

    def _failed(self, request: Request) -> None:
        # Leaving a page aborts its pending requests.
        if not self.hub_may_be_down and request.failure != "net::ERR_ABORTED":
            self.errors.append(f"failed: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"status {response.status}: {response.url}")


@contextmanager
def visit(
    browser: Browser, hub: HubProcess, *, width: int = WIDTH, scheme: str = "light", **context_options: object
) -> Iterator[tuple[Page, Witness]]:
    """Open the dashboard in a new browser context, logged in. Any recorded error fails the test at the
    end."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme=scheme,  # type: ignore[arg-type]
        # Nobody can allow it to the headless shell later.
        **{"permissions": ["clipboard-write"], **context_options},  # type: ignore[arg-type]
    )
    context.set_default_timeout(60_000)  # the first page waits until the dashboard is loaded
    witness = Witness(hub.port)
    try:
        page = context.new_page()
        witness.watch(page)
        page.goto(login_link(hub))
        yield page, witness
        assert not witness.errors, "\n".join(witness.errors)
    finally:
        context.close()
