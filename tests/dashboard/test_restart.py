"""The button that restarts the app for a changed setting."""

import socket
import tomllib
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.dashboard.support.harness import settle, visit
from tests.hub_process import end_hub, start_hub
from tests.system import require

SERVE = ("-m", "tray.main", "serve")


def test_a_changed_setting_takes_effect_after_a_press_of_the_button(browser: Browser, tmp_path: Path) -> None:
    require("chromium")
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        with (
            start_hub(home, SERVE, TOKEN_SAVER_PORT=str(port), HOME=str(home)) as hub,
            visit(browser, hub) as (page, witness),
        ):
            page.goto(f"{hub.info.url}/settings")
            settle(page)
            field = page.get_by_label("Keep the audit trail for", exact=True)
            field.fill("30")
            field.press("Enter")
            notice = page.locator(".ts-restart")
            expect(notice).to_contain_text("1 changed setting takes effect after a restart")
            assert tomllib.loads((home / "config.toml").read_text())["policy"]["trail_days"] == 30
            witness.hub_may_be_down = True
            page.get_by_role("button", name="Restart now").click()
            # Only a process that has read the changed file hides the notice.
            expect(notice).to_be_hidden(timeout=120_000)
            expect(field).to_have_value("30")
            expect(page.locator(".ts-lost")).to_be_hidden()
    finally:
        end_hub(home)
