"""The embedded engine with a real child process and a small model."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from server.backends.base import Completed, GenerationRequest, InstalledModel, Message, TextDelta
from server.backends.embedded.arguments import cpu_batch
from server.backends.embedded.backend import EmbeddedBackend
from server.backends.keep_alive import parse_keep_alive
from server.common.errors import (
    BackendFailed,
    BackendUnreachable,
    BackendUnsupported,
    BadArguments,
    ModelNotFound,
    PromptTooLong,
)
from server.common.events import EventBus
from server.config.folders import Folders, find_folders
from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings
from server.engine.engine import Engine
from server.gpu.fit import memory_of
from tests.engine_models import ENGINE_THREADS, SMOLLM2

pytestmark = pytest.mark.anyio

HELLO = (Message("user", "Say hello in one word."),)
COUNT = (Message("user", "Count from 1 to 500, one number a line."),)


@pytest.fixture
def folders(smollm2: Path) -> Folders:
    return find_folders()


@pytest.fixture
async def engine(folders: Folders) -> AsyncIterator[EmbeddedBackend]:
    settings = Settings(
        embedded=EmbeddedSettings(model=SMOLLM2, slots=2, threads=ENGINE_THREADS),
        backend=BackendSettings(keep_alive="5m"),
    )
    backend = EmbeddedBackend(settings, folders, EventBus())
    yield backend
    await backend.close()


def _request(messages: tuple[Message, ...] = HELLO, num_ctx: int = 2048, most: int = 20) -> GenerationRequest:
    return GenerationRequest(SMOLLM2, messages, num_ctx, most, temperature=0.0)


async def _generate(engine: EmbeddedBackend, request: GenerationRequest) -> tuple[str, Completed]:
    text, completed = "", None
    async with aclosing(engine.generate(request)) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                text += item.text
            elif isinstance(item, Completed):
                completed = item
    assert completed is not None
    return text, completed


async def _takes_what_was_expected(engine: EmbeddedBackend) -> None:
    """Memory of the process and its model after a first answer; it depends on the system."""
    if sys.platform == "linux":
        (loaded,) = await engine.loaded()
        expected = memory_of(await engine.model_file(SMOLLM2), loaded.num_ctx, loaded.slots)
        assert loaded.size == pytest.approx(expected.total, rel=0.12)


def _child() -> psutil.Process:
    children = psutil.Process().children(recursive=True)
    (found,) = [each for each in children if "server.backends.embedded.server_process" in each.cmdline()]
    return found


async def _child_that_starts() -> psutil.Process:
    async with asyncio.timeout(120):
        while True:
            with suppress(ValueError, psutil.Error):
                return _child()
            await asyncio.sleep(0.01)


async def test_list_load_generate_and_free_the_memory(engine: EmbeddedBackend) -> None:
    (installed,) = await engine.installed()
    assert (installed.name, installed.parameters, installed.quantization) == (SMOLLM2, "135M", "Q4_1")
    assert (installed.family, installed.context_length) == ("llama", 8192)
    assert await engine.context_length(SMOLLM2) == 8192
    assert await engine.loaded() == ()
    await engine.load(SMOLLM2, 2048)
    (loaded,) = await engine.loaded()
    assert (loaded.name, loaded.num_ctx, loaded.slots) == (SMOLLM2, 2048, 2)
    assert loaded.size > 50_000_000
    assert loaded.expires_at is not None
    text, completed = await _generate(engine, _request())
    assert text.strip()
    assert completed.prompt_tokens == await engine.count_tokens(SMOLLM2, HELLO, 2048)
    await _takes_what_was_expected(engine)
    pid = _child().pid
    await engine.unload(SMOLLM2)
    assert await engine.loaded() == ()
    assert not psutil.pid_exists(pid)


async def test_counting_uses_the_granted_context(engine: EmbeddedBackend) -> None:
    assert await engine.count_tokens(SMOLLM2, HELLO, 2048)
    assert (await engine.loaded())[0].num_ctx == 2048
    pid = _child().pid
    assert await engine.count_tokens(SMOLLM2, HELLO, 8192)
    assert _child().pid == pid


async def test_the_users_own_file_is_not_deleted(folders: Folders, smollm2: Path) -> None:
    own = folders.models / "mine.gguf"
    own.write_bytes(b"GGUF")
    settings = Settings(embedded=EmbeddedSettings(model=str(own)))
    backend = EmbeddedBackend(settings, folders, EventBus())
    with pytest.raises(BackendUnsupported, match="your own file"):
        await backend.delete("mine")
    assert own.exists()
    await backend.close()


async def test_only_a_longer_context_restarts_the_process(engine: EmbeddedBackend) -> None:
    await engine.load(SMOLLM2, 2048)
    first = _child().pid
    await engine.load(SMOLLM2, 1024)
    assert _child().pid == first
    await engine.load(SMOLLM2, 4096)
    assert _child().pid != first
    assert (await engine.loaded())[0].num_ctx == 4096


async def test_prompt_that_does_not_fit_is_refused(engine: EmbeddedBackend) -> None:
    long = (Message("user", "word " * 3000),)
    with pytest.raises(PromptTooLong):
        await _generate(engine, _request(long))


async def test_two_requests_run_in_parallel(engine: EmbeddedBackend) -> None:
    async with aclosing(engine.generate(_request(COUNT, most=1500))) as first:
        async for item in first:
            if isinstance(item, TextDelta):
                break
        text, _ = await _generate(engine, _request())  # completes while the first is still running
        assert text.strip()
        assert isinstance(await anext(first), TextDelta)


async def test_another_model_replaces_the_loaded_one(engine: EmbeddedBackend, smollm2: Path) -> None:
    os.link(smollm2, smollm2.with_name("another.gguf"))
    await engine.load(SMOLLM2, 1024)
    before = _child()
    await engine.load("another", 1024)
    assert [model.name for model in await engine.loaded()] == ["another"]
    assert not before.is_running()
    text, _ = await _generate(engine, _request())
    assert text.strip()
    assert [model.name for model in await engine.loaded()] == [SMOLLM2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders")
async def test_closing_ends_a_process_that_is_loading(folders: Folders, tmp_path: Path) -> None:
    slow = tmp_path / "slow.gguf"
    os.mkfifo(slow)  # nothing is written to it, so loading never ends
    engine = EmbeddedBackend(Settings(embedded=EmbeddedSettings(model=str(slow))), folders, EventBus())
    loading = asyncio.create_task(engine.load("slow", 1024))
    child = await _child_that_starts()
    await engine.close()
    assert not child.is_running()
    with pytest.raises(BackendUnreachable):
        await loading
    with pytest.raises(BackendUnreachable):
        await engine.load("slow", 1024)


async def test_cancelled_unload_still_ends_the_process(engine: EmbeddedBackend) -> None:
    await engine.load(SMOLLM2, 1024)
    child = _child()
    unloading = asyncio.create_task(engine.unload(SMOLLM2))
    await asyncio.sleep(0)
    unloading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unloading
    await engine.load(SMOLLM2, 1024)
    assert not child.is_running()


async def test_closing_a_generation_early_frees_its_slot(engine: EmbeddedBackend) -> None:
    for _ in range(3):  # more often than there are slots
        async with aclosing(engine.generate(_request(COUNT, most=1500))) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    break
    _, completed = await _generate(engine, _request())
    assert completed.completion_tokens > 0


async def test_cancelled_prompt_is_not_processed_to_its_end(engine: EmbeddedBackend) -> None:
    """Compares the child's CPU time, which does not depend on other programs. The child is stopped while the
    call is cancelled, because it would go on if this process has to wait on a busy machine."""

    def long(word: str, count: int) -> GenerationRequest:
        return _request((Message("user", f"{word} " * count),), num_ctx=2048, most=1)

    await engine.load(SMOLLM2, 2048)
    child = _child()
    least = child.cpu_times().user
    await _generate(engine, long("red", 475))
    least = 4 * (child.cpu_times().user - least)  # each further token takes longer
    for word in ("blue", "green", "white", "black"):
        begun = child.cpu_times().user
        async with aclosing(engine.generate(long(word, 1900))) as items:
            asking = asyncio.ensure_future(anext(items))
            while child.cpu_times().user - begun < least / 20:
                await asyncio.sleep(0.01)
            child.suspend()
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking
        in_time = child.cpu_times().user - begun < least / 4
        child.resume()
        _, completed = await _generate(engine, _request(most=1))
        assert completed.completion_tokens == 1
        if in_time:
            assert child.cpu_times().user - begun < least / 2
            return
    pytest.fail("no call was cancelled in time")


@pytest.mark.parametrize(
    ("weights", "threads", "tokens"),
    [(98e6, 2, 512), (491e6, 2, 128), (1.1e9, 2, 64), (4.7e9, 4, 32), (4.7e9, 16, 96), (0, 1, 512)],
)
async def test_cpu_batch_depends_on_weights_and_threads(weights: float, threads: int, tokens: int) -> None:
    assert cpu_batch(int(weights), threads) == tokens


async def test_killed_child_is_an_error_and_is_restarted(
    engine: EmbeddedBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async def until_killed() -> None:
        killed = False
        async with aclosing(engine.generate(_request(COUNT, most=1500))) as items:
            async for item in items:
                if isinstance(item, TextDelta) and not killed:  # more text may arrive before the kill
                    _child().kill()
                    killed = True

    with pytest.raises(BackendFailed, match="it was killed"):
        await until_killed()
    async with asyncio.timeout(60):
        while not any("engine crashed" in line and "signal 9" in line for line in caplog.messages):
            await asyncio.sleep(0.02)
    text, _ = await _generate(engine, _request())
    assert text.strip()


async def test_it_unloads_after_keep_alive(folders: Folders) -> None:
    engine = EmbeddedBackend(Settings(embedded=EmbeddedSettings(model=SMOLLM2)), folders, EventBus())
    await engine.load(SMOLLM2, 1024, keep_alive="10m")
    child = await _child_that_starts()
    await asyncio.sleep(0.1)
    await engine.load(SMOLLM2, 1024, keep_alive="1s")  # the latest keep_alive counts, even if it is shorter
    async with asyncio.timeout(60):
        while await engine.loaded():
            await asyncio.sleep(0.1)
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [child], 60)
    assert gone == [child]
    await engine.close()


async def test_a_task_keeps_the_time_that_preload_asked_for(folders: Folders) -> None:
    settings = Settings(
        embedded=EmbeddedSettings(model=SMOLLM2), backend=BackendSettings(kind="embedded", keep_alive="10m")
    )
    engine = Engine(settings, folders, EventBus())
    await engine.load(SMOLLM2, "-1")
    async with aclosing(engine.generate(_request(most=1))) as items:
        assert [item async for item in items]
    await engine.refresh()
    assert [each.expires_at for each in engine.view().loaded] == [None]
    await engine.close()


async def test_file_that_is_not_a_model_fails_with_the_engines_message(
    folders: Folders, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    engine = EmbeddedBackend(Settings(embedded=EmbeddedSettings(model=str(broken))), folders, EventBus())
    assert engine.default_model() == "broken"
    assert InstalledModel("broken", 104, place=str(tmp_path)) in await engine.installed()
    with pytest.raises(BackendFailed, match="could not load broken"):
        await engine.load("broken", 1024)
    with pytest.raises(ModelNotFound):
        await engine.load("no-such-model", 1024)
    await engine.close()


SERVE_UNTIL_KILLED = """
import asyncio, sys
from server.backends.embedded.backend import EmbeddedBackend
from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import EmbeddedSettings
from server.config.settings import Settings

async def main():
    settings = Settings(embedded=EmbeddedSettings(model=sys.argv[1]))
    engine = EmbeddedBackend(settings, find_folders(), EventBus())
    await engine.load(sys.argv[1], 1024)
    print("loaded", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@asynccontextmanager
async def _parent_of_child() -> AsyncIterator[tuple[asyncio.subprocess.Process, psutil.Process]]:
    """Another process with an engine, and the engine's child process."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE_UNTIL_KILLED, SMOLLM2, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"loaded\n"
    child = _child()
    try:
        yield parent, child
    finally:
        with suppress(psutil.NoSuchProcess):
            child.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
async def test_child_ends_when_its_parent_is_killed(folders: Folders) -> None:
    async with _parent_of_child() as (parent, child):
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [child], 60)
    assert gone == [child]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux' kernel watches over parents")
async def test_stopped_child_ends_with_its_parent(folders: Folders) -> None:
    """While loading, llama.cpp holds the interpreter lock for seconds; here the process is stopped."""
    async with _parent_of_child() as (parent, child):
        child.suspend()
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [child], 60)
    assert gone == [child]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-1", None), ("0", 0), ("90", 90), ("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("500ms", 0.5)],
)
async def test_keep_alive_is_parsed_as_by_ollama(text: str, seconds: float | None) -> None:
    assert parse_keep_alive(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "10m!"])
async def test_invalid_keep_alive_is_refused(text: str) -> None:
    with pytest.raises(BadArguments):
        parse_keep_alive(text)
