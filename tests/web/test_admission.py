"""Admission of requests by Host, Origin and key, without a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from starlette.responses import PlainTextResponse

from server.bridge.keys import Keys
from server.config.folders import find_folders
from server.config.settings import Settings
from server.hub import open_hub
from server.web.auth import AuthMiddleware

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

PORT = 7283
TOKEN = "the token of this test"
URL = f"http://127.0.0.1:{PORT}"
TOKEN_HEADER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Door:
    browser: httpx.AsyncClient
    login_link: str


@asynccontextmanager
async def guarded() -> AsyncIterator[Door]:
    """Yield a client of a small app behind the door, and a login link of a hub with the same keys."""
    keys = Keys(TOKEN, PORT)
    async with open_hub(Settings(), find_folders(), URL, keys) as hub:
        guard = AuthMiddleware(PlainTextResponse("inside"), keys, PORT, hub.events.publish)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=URL) as browser:
            yield Door(browser, hub.login_link())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no key"),
        pytest.param({"Authorization": "Bearer another"}, 401, id="wrong token"),
        pytest.param(TOKEN_HEADER, 200, id="token"),
        pytest.param(TOKEN_HEADER | {"Host": "evil.example"}, 421, id="foreign host"),
        pytest.param(TOKEN_HEADER | {"Host": f"127.0.0.1:{PORT + 1}"}, 421, id="other port"),
        pytest.param(TOKEN_HEADER | {"Origin": "https://evil.example"}, 403, id="foreign origin"),
        pytest.param(TOKEN_HEADER | {"Sec-Fetch-Site": "cross-site"}, 403, id="other page"),
        pytest.param(TOKEN_HEADER | {"Content-Length": str(10**11)}, 413, id="endless body"),
    ],
)
async def test_a_request_is_admitted_by_its_headers(headers: dict[str, str], status: int) -> None:
    async with guarded() as door:
        answer = await door.browser.get("/api/audit", headers=headers)
    assert answer.status_code == status
    assert (answer.text == "inside") == (status == 200)
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_health_check_needs_no_key() -> None:
    async with guarded() as door:
        assert (await door.browser.get("/healthz")).text == "inside"


async def test_an_unused_login_link_is_the_hubs_and_a_guess_is_refused() -> None:
    async with guarded() as door:
        assert door.login_link.startswith(f"{URL}/login?code=")
        assert (await door.browser.get("/login?code=guess")).status_code in (401, 403)
