"""Test with LiteLLM's proxy in front of two engines, as in docs/several-machines.md; one is killed midway.

In one test the engines are llama.cpp with a small model, in the others they are stand-ins.

Runs if ``TOKEN_SAVER_TEST_LITELLM`` is the path of the proxy's ``litellm`` command, in a separate
environment:
 ``uv venv DIR && uv pip install --python DIR/bin/python 'litellm[proxy]'``, then ``DIR/bin/litellm``.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from server.batch.plan import plan_each
from server.common.errors import (
    BackendFailed,
    BackendUnreachable,
    EngineBusy,
    ModelNotFound,
    QueueFull,
)
from server.config.folders import find_folders
from server.config.sections import BackendSettings, BatchSettings
from server.config.settings import Settings
from server.hub import Hub, open_hub
from server.offload.values import Caller, Task
from tests.standins.answers import Answer
from tests.standins.openai import MODEL, OpenAIStandIn

LITELLM = os.environ.get("TOKEN_SAVER_TEST_LITELLM", "")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not LITELLM, reason="TOKEN_SAVER_TEST_LITELLM is not set"),
]

ITEMS = 120
FEW = 4
REAL_ITEMS = int(os.environ.get("TOKEN_SAVER_TEST_REAL_ITEMS", "6"))
"""Items of a batch for real engines; the model reads the prompt of each."""
MOST_JOBS = 12
NUM_CTX = 2048
ONE_SENTENCE = "Write one short sentence about this file."
ENGINE_CODES = {
    error.code for error in (BackendFailed, BackendUnreachable, EngineBusy, ModelNotFound, QueueFull)
}
DOWN_SECONDS = 15.0
"""How long all engines stay down: longer than the proxy's own retries."""
KEY = "sk-0123456789abcdef0123456789abcdef"
START_SECONDS = 300
NOTES = "# Notes\n\nThis file holds one function that returns a number.\n"
CHATS = "/v1/chat/completions"


async def test_a_batch_continues_when_one_of_two_machines_is_gone(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    names = [f"mod_{number}.py" for number in range(ITEMS)]
    for name in names:
        (project / name).write_text("def value():\n    return 1\n")
    with (
        OpenAIStandIn(slots=4, queues=True) as first,
        OpenAIStandIn(slots=4, queues=True) as second,
        _proxy(tmp_path, [first.url, second.url]) as url,
    ):
        for engine in (first, second):
            engine.models[MODEL].num_ctx = 8192
            engine.answers.default = Answer(NOTES, first_delay=0.3, delay=0.01)
        settings = Settings(backend=BackendSettings(kind="openai", url=url, api_key=KEY))
        hub = await Hub.start(settings, find_folders())
        try:
            caller = Caller("test", "session", project, (project,))
            planned = plan_each("Write notes on this file.", names, "{stem}.md", {}, cap=ITEMS)
            job_id = await hub.batches.submit(planned, caller)
            most_at_once = 0
            while (await hub.batches.counts(job_id)).ended < ITEMS // 2:
                most_at_once = max(most_at_once, hub.engine.slots)
                await anyio.sleep(0.05)
            second.stop()
            assert await hub.batches.wait(job_id, 300)
            counts = await hub.batches.counts(job_id)
            print("found", most_at_once, "at once; ended as", counts.by_state)
        finally:
            await hub.close()
    assert counts.by_state == {"delivered": ITEMS}
    assert all((project / name).with_suffix(".md").read_text() == NOTES for name in names)
    assert "answered" in first.outcomes(CHATS)
    assert "answered" in second.outcomes(CHATS)
    assert most_at_once > 1


async def test_all_engines_down_are_waited_for(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    names = [f"mod_{number}.py" for number in range(FEW)]
    for name in names:
        (project / name).write_text("def value():\n    return 1\n")
    with (
        OpenAIStandIn(slots=2, queues=True) as first,
        OpenAIStandIn(slots=2, queues=True) as second,
        _proxy(tmp_path, [first.url, second.url], cooldown=1) as url,
    ):
        for engine in (first, second):
            engine.models[MODEL].num_ctx = 8192
            engine.answers.default = Answer(NOTES, first_delay=0.1)
        settings = Settings(backend=BackendSettings(kind="openai", url=url, api_key=KEY, busy_timeout=1))
        hub = await Hub.start(settings, find_folders())
        try:
            caller = Caller("test", "session", project, (project,))
            first.stop()
            second.stop()
            single = await hub.offloader.run(Task("Write notes.", output="one.md"), caller, _silent)
            planned = plan_each("Write notes on this file.", names, "{stem}.md", {}, cap=FEW)
            job_id = await hub.batches.submit(planned, caller)
            assert not await hub.batches.wait(job_id, DOWN_SECONDS)
            assert (await hub.batches.counts(job_id)).ended == 0
            first.restart()
            second.restart()
            assert await hub.batches.wait(job_id, 300)
            counts = await hub.batches.counts(job_id)
        finally:
            await hub.close()
    assert single.code in ("engine_busy", "queue_full"), single.text
    assert counts.by_state == {"delivered": FEW}


async def test_a_real_engine_is_killed_and_restarted_during_a_batch(
    tmp_path: Path, smollm2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The model seldom comes to an end, so most of its answers are cut and handed back.
    monkeypatch.setenv("TOKEN_SAVER_OFFLOAD__MAX_OUTPUT_TOKENS", "32")
    project = tmp_path / "project"
    project.mkdir()
    names = [f"mod_{number}.py" for number in range(REAL_ITEMS)]
    for number, name in enumerate(names):
        (project / name).write_text(f"def value_{number}():\n    return {number}\n")
    with (
        RealEngine(smollm2, tmp_path / "first") as first,
        RealEngine(smollm2, tmp_path / "second") as second,
        _proxy(tmp_path, [first.url, second.url], cooldown=1) as url,
    ):
        settings = Settings(
            backend=BackendSettings(kind="openai", url=url, api_key=KEY, num_ctx=NUM_CTX, slots=4),
            batch=BatchSettings(stop_failing=False),
        )
        async with open_hub(settings, find_folders()) as hub:
            caller = Caller("test", "session", project, (project,))

            async def start(count: int) -> str:
                planned = plan_each(ONE_SENTENCE, names[:count], "{stem}.md", {}, cap=REAL_ITEMS)
                return await hub.batches.submit(planned, caller)

            jobs = [await start(REAL_ITEMS)]
            while (await hub.batches.counts(jobs[0])).ended < 2:
                await anyio.sleep(0.05)
            # The proxy draws an engine for each item, so one of them may have got none yet.
            gone, other = (first, second) if first.answered() else (second, first)
            before = gone.answered()
            assert before > 0
            gone.kill()
            await anyio.sleep(2)
            gone.start()
            assert await hub.batches.wait(jobs[0], 400)
            while gone.answered() == before or not other.answered():
                assert len(jobs) < MOST_JOBS, "an engine gets no work"
                jobs.append(await start(FEW))
                assert await hub.batches.wait(jobs[-1], 400)
            states = [(await hub.batches.counts(each)).by_state for each in jobs]
            ended = [item for each in jobs for item in await hub.batches.unsuccessful_items(each)]
    assert not {item.code for item in ended} & ENGINE_CODES
    for by_state in states:
        assert set(by_state) <= {"delivered", "handed_back"}
    assert [sum(by_state.values()) for by_state in states] == [REAL_ITEMS] + [FEW] * (len(jobs) - 1)


class RealEngine:
    """llama.cpp's server in a process of its own, at the same port after a restart."""

    def __init__(self, model: Path, folder: Path) -> None:
        folder.mkdir()
        self._model = model
        self._log = folder / "log"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "RealEngine":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until its model is loaded."""
        options = {
            "--model": self._model,
            "--alias": MODEL,
            "--host": "127.0.0.1",
            "--port": self._port,
            "--ctx-size": 2 * NUM_CTX,
            "--parallel": 2,
            "--threads": 2,
            "--n-gpu-layers": 0,
            "--cache-ram": 0,
        }
        arguments = [str(each) for pair in options.items() for each in pair]
        environ = {
            "STANDIN_DIES": "never",
            "STANDIN_DEVICES": "0",
            "LLAMA_API_KEY": "none",
            "LLAMA_ARG_LOG_VERBOSITY": "3",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.standins.llama_server_program", *arguments],
                env={**os.environ, **environ},
                cwd=Path(__file__).parents[2],
                stdout=log,
                stderr=log,
            )
        _wait_for(f"{self.url}/health", self._process, self._log)

    def kill(self) -> None:
        """End it without notice."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def answered(self) -> int:
        """Return how many requests it has answered, over all of its starts."""
        return self._log.read_text(errors="replace").count("|       total time =")


async def _silent(_done: float, _total: float | None, _message: str) -> None:
    """Ignore progress."""


@contextmanager
def _proxy(folder: Path, engines: list[str], cooldown: int = 60) -> Iterator[str]:
    """Run the proxy without network access and with its own home; return its address."""
    entries = "".join(
        f"""
  - model_name: coder
    litellm_params:
      model: openai/{MODEL}
      api_base: {url}/v1
      api_key: none"""
        for url in engines
    )
    config = folder / "litellm.yaml"
    config.write_text(f"""model_list:{entries}
router_settings:
  routing_strategy: simple-shuffle
  num_retries: 3
  allowed_fails: 1
  cooldown_time: {cooldown}
""")
    port = _free_port()
    environ = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": KEY,
    }
    command = [LITELLM, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "litellm.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/health/liveliness", process, log)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=0), trust_env=False) as client:
        for _ in range(START_SECONDS * 2):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            try:
                if client.get(url, timeout=1).is_success:
                    return
            except httpx.TransportError:
                pass
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(log.read_text(errors="replace")[-2000:])
