"""Tests of foreign pages in a real browser logged in to the dashboard: all are refused and recorded."""

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import login_link
from tests.forks import program
from tests.hub_process import HubProcess, start_hub
from tests.standins.serving import wait_until
from tests.system import require

EVIL, REBOUND = "evil.test", "rebound.test"
# Requests without preflight, requests with preflight, and requests without a script.
ATTACK = """
async (hub) => {
  const seen = {};
  const attempt = async (name, url, options) => {
    try {
      const answer = await fetch(hub + url, {credentials: "include", ...options});
      seen[name] = answer.type === "opaque" ? "opaque" : answer.status;
    } catch (error) { seen[name] = "blocked"; }
  };
  const simple = {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}};
  await attempt("quit", "/api/quit", simple);
  await attempt("audit", "/api/audit", {...simple, body: '{"switch": "on"}'});
  await attempt("mcp", "/mcp", {...simple, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'});
  const headers = {"Content-Type": "application/json"};
  await attempt("json", "/api/audit", {method: "POST", headers, body: "{}"});
  await attempt("read", "/api/status", {});
  await attempt("healthz", "/healthz", {});
  seen.image = await new Promise((done) => {
    const image = new Image();
    image.onload = () => done("loaded"); image.onerror = () => done("blocked");
    image.src = hub + "/favicon.ico";
  });
  seen.frame = await new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => done(frame.contentDocument ? "readable" : "blocked");
    frame.src = hub + "/";
    document.body.append(frame);
  });
  seen.socket = await new Promise((done) => {
    const address = hub.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket";
    const socket = new WebSocket(address);
    socket.onopen = () => done("open"); socket.onerror = () => done("blocked");
  });
  return seen;
}
"""
REFUSED = {"opaque", "blocked", 401, 403, 421}


@dataclass(frozen=True)
class Scene:
    hub: HubProcess
    page: Page
    evil_port: int

    def rows(self) -> list[dict[str, Any]]:
        """Return the trail's rows on connections."""
        command = ("audit", "search", "--kind", "connection", "--json", "-n", "500")
        done = program.run(*command, env=self.hub.environ, cwd=self.hub.home, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def refused(self) -> set[tuple[str, str]]:
        """Return the refused origins and the reasons."""
        return {
            (row["details"]["source"], row["text"].rpartition(": ")[2])
            for row in self.rows()
            if row["verdict"] == "refused"
        }


class Evil(http.server.BaseHTTPRequestHandler):
    """A foreign page."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Kittens</title><body>Kittens</body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require("chromium")
    evil = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    serving = threading.Thread(target=evil.serve_forever, daemon=True)
    serving.start()
    names = f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP {REBOUND} 127.0.0.1"
    # Newer browsers ask the user before a page may contact this machine; older ones rely on the hub.
    unasked = "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests"
    with (
        start_hub(tmp_path_factory.mktemp("foreign")) as hub,
        sync_playwright() as playwright,
        launch(playwright, names, unasked) as browser,
    ):
        page = browser.new_page()
        page.goto(login_link(hub))
        page.wait_for_selector("h1")
        yield Scene(hub, page, evil.server_address[1])
    evil.shutdown()
    evil.server_close()


def alive(hub: HubProcess) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


# The last one belongs to the dashboard's own site, whose cookie the browser sends with its requests.
@pytest.mark.parametrize("name", [EVIL, "evil.localhost", "localhost", "127.0.0.1"])
def test_a_foreign_page_is_refused_and_recorded(scene: Scene, name: str) -> None:
    origin = f"http://{name}:{scene.evil_port}"
    scene.page.goto(f"{origin}/")
    seen = scene.page.evaluate(ATTACK, scene.hub.info.url)
    assert set(map(str, seen.values())) <= set(map(str, REFUSED)), seen
    assert seen["socket"] == "blocked"
    assert seen["frame"] == "blocked"
    assert alive(scene.hub)
    assert not (
        scene.hub.home / "config.toml"
    ).exists()  # the request would have switched the transcript check on
    wait_until(lambda: (origin, "another page sent it.") in scene.refused(), 60)


def test_a_form_sent_from_a_foreign_page_changes_nothing(scene: Scene) -> None:
    scene.page.goto(f"http://127.0.0.1:{scene.evil_port}/")
    form = f'<form method="post" action="{scene.hub.info.url}/api/quit"><button>Win</button></form>'
    scene.page.set_content(form)
    with scene.page.expect_navigation() as navigated:
        scene.page.click("button")
    assert navigated.value is not None
    assert navigated.value.status == 403
    assert alive(scene.hub)


def test_dns_rebinding_is_refused(scene: Scene) -> None:
    """The page came from the attacker's server, and its name now resolves to 127.0.0.1."""
    origin = f"http://{REBOUND}:{scene.hub.port}"
    scene.page.route(
        f"{origin}/", lambda route: route.fulfill(body="<body></body>", content_type="text/html")
    )
    scene.page.goto(f"{origin}/")
    scene.page.unroute(f"{origin}/")
    seen = scene.page.evaluate(ATTACK, origin)
    assert {seen[each] for each in ("quit", "audit", "mcp", "json", "read", "healthz")} == {421}
    assert (seen["image"], seen["socket"]) == ("blocked", "blocked")
    rebound = (f"{REBOUND}:{scene.hub.port}", "its Host is not this hub's.")
    wait_until(lambda: rebound in scene.refused(), 60)
    assert alive(scene.hub)


def test_the_dashboard_works_and_its_login_is_recorded(scene: Scene) -> None:
    scene.page.goto(scene.hub.info.url)
    scene.page.wait_for_selector("h1")
    said = "A browser logged in to the dashboard."
    wait_until(lambda: said in {row["text"] for row in scene.rows()}, 60)


def test_a_token_in_the_address_is_refused(scene: Scene, tmp_path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scene.hub.port, timeout=60)
    try:
        connection.request("GET", f"/api/status?token={scene.hub.token}&access_token={scene.hub.token}")
        assert connection.getresponse().status == 401
    finally:
        connection.close()
    wait_until(lambda: "it has no valid token or cookie." in {why for _, why in scene.refused()}, 60)
    assert scene.hub.token not in json.dumps(scene.rows())
