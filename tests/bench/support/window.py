"""One window of the system's Chromium with many tabs: one is drawn, the others are hidden, as users have
them.

It is started as by a user, on a separate display (Xvfb), without a driver, because Playwright keeps all of
its pages visible. Each page itself reports whether it is hidden.
"""

import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

from tests.dashboard.support.browser import FLAGS

PATIENCE = 60.0
ASK = {
    "id": 1,
    "method": "Runtime.evaluate",
    "params": {"expression": "String(window.did_handshake && document.hidden)"},
}


@contextmanager
def one_window(links: Sequence[str]) -> Iterator[None]:
    """Open a tab for each link, and wait until all are connected to the hub."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, _display() as display:
        command = [
            str(shutil.which("chromium")),
            *FLAGS,
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            "--window-size=1280,900",
            *links,
        ]
        environ = {"PATH": "/usr/bin:/bin", "HOME": profile, "DISPLAY": display}
        browser = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_until_one_is_drawn(Path(profile), len(links))
            yield
        finally:
            browser.terminate()
            browser.wait()


def _wait_until_one_is_drawn(profile: Path, tabs: int) -> None:
    wanted = ["false"] + ["true"] * (tabs - 1)
    deadline = time.monotonic() + PATIENCE
    hidden: list[str] = []
    while sorted(hidden) != wanted:
        assert time.monotonic() < deadline, f"hidden: {hidden}"
        time.sleep(0.5)
        hidden = _hidden(profile)


def _hidden(profile: Path) -> list[str]:
    told = profile / "DevToolsActivePort"
    if not told.exists():
        return []
    port = told.read_text(encoding="utf-8").split("\n")[0]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE) as answer:
            targets = json.load(answer)
    except urllib.error.URLError:
        return []  # it does not listen yet
    found = []
    for target in targets:
        if target["type"] == "page":
            with connect(target["webSocketDebuggerUrl"]) as page:
                page.send(json.dumps(ASK))
                said = json.loads(page.recv()).get("result", {})  # empty while the page navigates
                found.append(str(said.get("result", {}).get("value")))
    return found


@contextmanager
def _display() -> Iterator[str]:
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield f":{server.stdout.readline().strip()}"
        finally:
            server.terminate()
