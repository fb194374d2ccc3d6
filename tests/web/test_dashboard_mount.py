"""Tests of the dashboard's mount point, before and after the dashboard has loaded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from server.web.dashboard_mount import Dashboard, Pages

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_early_request_waits_for_the_pages() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        seen.append("started")
        yield
        seen.append("stopped")

    async def page(_request: Request) -> PlainTextResponse:
        seen.append("asked")
        return PlainTextResponse("a page")

    def build() -> Dashboard:
        seen.append("built")
        return Dashboard(Starlette(routes=[Route("/", page)]), lifespan)

    pages = Pages()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://hub") as browser:
        early = asyncio.create_task(browser.get("/"))
        done, _ = await asyncio.wait([early], timeout=0.1)
        assert not done

        await pages.build_with(build)

        assert (await early).text == "a page"
        assert (await browser.get("/")).text == "a page"
    await pages.close()
    assert seen == ["built", "started", "asked", "asked", "stopped"]


async def test_waiting_requests_are_told_that_there_are_no_pages() -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        raise OSError("No space left on device")
        yield

    pages = Pages()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://hub") as browser:
        early = asyncio.create_task(browser.get("/"))
        await pages.build_with(lambda: Dashboard(Starlette(), lifespan))
        answer = await early
        assert answer.status_code == 503
        assert (await browser.get("/history")).status_code == 503
        assert "could not be loaded: No space left on device. Restart" in answer.text
    await pages.close()


async def test_pages_that_nobody_opened_are_not_built() -> None:
    def build() -> Dashboard:
        raise AssertionError("nobody asked for a page")

    pages = Pages()
    await pages.build_with(build)
    await pages.close()
    await Pages().close()
