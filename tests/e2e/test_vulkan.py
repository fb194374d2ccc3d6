"""The embedded engine on a real ``llama-server`` with Vulkan, on a device that computes in software.

``TOKEN_SAVER_TEST_VULKAN`` is a folder into which the package of the extra ``vulkan`` was installed. The
device's driver is Mesa's (Debian's ``mesa-vulkan-drivers``); llama.cpp uses it only if told to.
"""

import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from server.backends.base import Completed, GenerationRequest, Message, TextDelta
from server.backends.embedded.backend import EmbeddedBackend
from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import EmbeddedSettings
from server.config.settings import Settings
from tests.dashboard.support.browser import launch
from tests.dashboard.support.harness import settle, visit
from tests.engine_models import SMOLLM2, put_model
from tests.hub_process import start_hub
from tests.standins.serving import wait_until
from tests.system import lack, require

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]

DEVICE = "llvmpipe"
LAYERS = 2
"""The output layer and one more, because the device takes seconds a token with all 31."""
LEAST, MOST = 32 * 2**20, 64 * 2**20
"""Bounds of what these layers, their KV cache and the buffers take on the device, bytes (44.6 MiB)."""
SOFTWARE_DEVICE = {"GGML_VK_VISIBLE_DEVICES": "0"}
expect.set_options(timeout=60_000)
SHORT = (Message("system", "Be brief."), Message("user", "Say hello."))


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the extra for this test."""
    folder = os.environ.get("TOKEN_SAVER_TEST_VULKAN", "")
    if not folder:
        lack("TOKEN_SAVER_TEST_VULKAN is not set")
    monkeypatch.syspath_prepend(folder)
    for name, value in SOFTWARE_DEVICE.items():
        monkeypatch.setenv(name, value)
    return Path(folder)


async def test_the_extra_runs_on_a_vulkan_device(extra: Path, smollm2: Path) -> None:
    settings = Settings(embedded=EmbeddedSettings(model=SMOLLM2, gpu_layers=LAYERS, slots=1, cache_mib=0))
    engine = EmbeddedBackend(settings, find_folders(), EventBus())
    [device] = await engine.devices()
    assert device.description.startswith(DEVICE)
    assert device.total > 0
    assert engine.capabilities.reports_vram
    assert DEVICE in engine.label
    request = GenerationRequest(SMOLLM2, SHORT, 512, 2, temperature=0.0)
    async with aclosing(engine.generate(request)) as items:
        received = [item async for item in items]
    assert any(isinstance(item, TextDelta) and item.text for item in received)
    assert isinstance(received[-1], Completed)
    [loaded] = await engine.loaded()
    assert LEAST < loaded.size_vram < MOST
    program = psutil.Process(engine._child.pid) if engine._child else None
    assert program is not None
    assert Path(program.exe()).is_relative_to(extra)
    await engine.unload(SMOLLM2)
    assert await engine.loaded() == ()
    wait_until(lambda: not program.is_running())
    await engine.close()


def test_the_page_shows_the_device_and_its_memory(extra: Path, tmp_path: Path) -> None:
    require("chromium")
    home = tmp_path / "home"
    put_model(home, SMOLLM2)
    environ = {
        **SOFTWARE_DEVICE,
        "PYTHONPATH": str(extra),
        "TOKEN_SAVER_BACKEND__KIND": "embedded",
        "TOKEN_SAVER_BACKEND__URL": "",
        "TOKEN_SAVER_BACKEND__NUM_CTX": "512",
        "TOKEN_SAVER_EMBEDDED__MODEL": SMOLLM2,
        "TOKEN_SAVER_EMBEDDED__GPU_LAYERS": str(LAYERS),
        "TOKEN_SAVER_EMBEDDED__SLOTS": "1",
    }
    with (
        start_hub(home, **environ) as hub,
        sync_playwright() as playwright,
        launch(playwright) as browser,
        visit(browser, hub, reduced_motion="reduce") as (page, _),
    ):
        load = [sys.executable, "-P", "-m", "tray.main", "models", "load", SMOLLM2]
        subprocess.run(load, env=hub.environ, cwd=tmp_path, capture_output=True, check=True)
        engine = hub.get("/api/status")["engine"]
        assert f"Vulkan0: {DEVICE}" in engine["label"]
        [loaded] = engine["loaded"]
        assert LEAST < loaded["size_vram"] < MOST
        page.goto(f"{hub.info.url}/models")
        settle(page)
        pool = page.locator(".ts-pool").filter(has_text=DEVICE)
        expect(pool).to_contain_text(SMOLLM2)
        page.get_by_role("button", name=f"Unload {SMOLLM2}").click()
        expect(pool).not_to_contain_text(SMOLLM2)
        expect(pool).to_contain_text("0 B of")
        assert hub.get("/api/status")["engine"]["loaded"] == []
