"""Foreign pages in a real browser that is logged in to the dashboard: none gets in, all are on the trail."""

import http.client
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.dashboard.browser import launch
from tests.dashboard.stage import login_link
from tests.hub_process import HubProcess, start_hub
from tests.standins.serving import wait_until
from tests.system import require

EVIL, REBOUND = "evil.test", "rebound.test"
# What a page can send without asking first, what it must ask for, and what needs no script at all.
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
        """Return what the trail has of connections."""
        command = [sys.executable, "-P", "-m", "tray.main", "audit", "search", "--kind", "connection"]
        done = subprocess.run(
            [*command, "--json", "-n", "500"],
            env=self.hub.environ, cwd=self.hub.home, capture_output=True, text=True, check=True, timeout=180,
        )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def refused(self) -> set[tuple[str, str]]:
        """Return who was refused, and why."""
        return {
            (row["details"]["source"], row["text"].rpartition(": ")[2])
            for row in self.rows()
            if row["verdict"] == "refused"
        }


class Evil(http.server.BaseHTTPRequestHandler):
    """A page of somebody else's."""

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
    # Newer browsers also ask the user before a page reaches this machine; older ones leave it to the hub.
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


# The last is of the dashboard's own site, whose cookie the browser sends along with its requests.
@pytest.mark.parametrize("name", [EVIL, "evil.localhost", "localhost", "127.0.0.1"])
def test_a_foreign_page_gets_nothing_and_is_on_the_trail(scene: Scene, name: str) -> None:
    origin = f"http://{name}:{scene.evil_port}"
    scene.page.goto(f"{origin}/")
    seen = scene.page.evaluate(ATTACK, scene.hub.info.url)
    assert set(map(str, seen.values())) <= set(map(str, REFUSED)), seen
    assert seen["socket"] == "blocked"
    assert seen["frame"] == "blocked"
    assert alive(scene.hub)
    assert not (scene.hub.home / "config.toml").exists()  # where the audit would have been switched on
    wait_until(lambda: (origin, "another page caused it.") in scene.refused(), 60)


def test_a_form_sent_from_a_foreign_page_changes_nothing(scene: Scene) -> None:
    scene.page.goto(f"http://127.0.0.1:{scene.evil_port}/")
    form = f'<form method="post" action="{scene.hub.info.url}/api/quit"><button>Win</button></form>'
    scene.page.set_content(form)
    with scene.page.expect_navigation() as navigated:
        scene.page.click("button")
    assert navigated.value is not None
    assert navigated.value.status == 403
    assert alive(scene.hub)


def test_a_name_that_was_bound_again_gets_nothing(scene: Scene) -> None:
    """DNS rebinding: the page came from the attacker's server, and by now its name is 127.0.0.1."""
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


def test_the_dashboard_itself_still_works_and_its_login_is_on_the_trail(scene: Scene) -> None:
    scene.page.goto(scene.hub.info.url)
    scene.page.wait_for_selector("h1")
    said = "A browser logged in to the dashboard."
    wait_until(lambda: said in {row["text"] for row in scene.rows()}, 60)


def test_a_token_in_the_address_opens_nothing(scene: Scene, tmp_path: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", scene.hub.port, timeout=60)
    try:
        connection.request("GET", f"/api/status?token={scene.hub.token}&access_token={scene.hub.token}")
        assert connection.getresponse().status == 401
    finally:
        connection.close()
    wait_until(lambda: "it brought no valid token or cookie." in {why for _, why in scene.refused()}, 60)
    assert scene.hub.token not in json.dumps(scene.rows())
