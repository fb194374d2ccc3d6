"""A call during the download of the embedded engine's model: progress, then the state of the download.

The model repository is a real HTTP server that sends part of the file and then stalls.
"""

import asyncio
import json
import select
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.backends.base import PullProgress
from server.backends.embedded.catalogue import pinned_models
from server.offload.values import Caller, Compression, Task
from server.store.records import SHELL
from tests.engine_models import SMALL_QWEN
from tests.pipeline_harness import OpenPipeline, PipelineHarness

pytestmark = pytest.mark.anyio

GIVEN = 3_000_000
"""Bytes after which the repository stalls."""
MOST_CALLS = 120
PATIENCE = 6.0
"""The client's patience in seconds; a call waits one second of it for a download."""


class _Repository(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        model = pinned_models()[SMALL_QWEN]
        if self.path.startswith("/api/models/"):
            file = {"rfilename": model.official.file, "size": model.size, "lfs": {"sha256": model.sha256}}
            self._begin(json.dumps({"siblings": [file]}).encode())
            return
        self._begin(b"", model.size)
        self.wfile.write(b"x" * GIVEN)
        self.wfile.flush()
        while not select.select([self.connection], [], [], 0.1)[0]:
            pass  # until the client is gone

    def _begin(self, body: bytes, length: int = 0) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Repository)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def pipeline(open_pipeline: OpenPipeline, repository: None) -> PipelineHarness:
    return await open_pipeline(
        backend={"kind": "embedded"}, embedded={"model": SMALL_QWEN}, offload={"client_patience": PATIENCE}
    )


async def test_a_call_during_a_download_reports_progress_and_the_download_continues(
    pipeline: PipelineHarness, project: Path
) -> None:
    size = f"of {pinned_models()[SMALL_QWEN].size / 1e6:,.0f} MB"
    first = await pipeline.run("Write slugify(text).", output="slug.py")
    assert (first.name, first.code) == ("failed", "still_downloading")
    assert f"The model {SMALL_QWEN} is being downloaded" in first.text
    assert "Call again in a few minutes" in first.text
    for _ in range(MOST_CALLS):
        again = await pipeline.run("Write slugify(text).", output="slug.py")
        if f"3 {size}" in again.text:
            break
    assert (again.name, again.code) == ("failed", "still_downloading")
    assert f"being downloaded: 3 {size}" in again.text
    assert any(line.startswith("download") and f"3 {size}" in line for line in pipeline.lines), pipeline.lines
    assert again.attempts == ()
    assert not (project / "slug.py").exists()
    row = await pipeline.history.get(again.offload_id)
    assert row is not None
    assert row.row.outcome == "failed"


async def test_the_user_waits_for_the_download(pipeline: PipelineHarness, project: Path) -> None:
    user = Caller(client=SHELL, session="shell-1", project=project, roots=(project,))
    task = Task(task="Write slugify(text).", output="slug.py")
    waiting = asyncio.create_task(pipeline.offloader.run(task, user, pipeline.report, offload_id="mine"))
    for _ in range(2):  # later calls of a client, which returned without a result
        assert (await pipeline.run("Write slugify(text).", output="other.py")).code == "still_downloading"
    assert not waiting.done()
    await pipeline.offloader.cancel("mine")
    assert (await waiting).name == "cancelled"


async def test_the_model_is_downloaded_under_its_own_name_in_any_spelling(
    pipeline: PipelineHarness,
) -> None:
    async def ignore(_progress: PullProgress) -> None:
        return

    pulling = asyncio.create_task(pipeline.engine.pull(SMALL_QWEN.replace("-0.5b", ":0.5B"), ignore))
    while not (downloads := pipeline.engine.downloads):
        assert not pulling.done()
        await asyncio.sleep(0.01)
    assert [each.model for each in downloads] == [SMALL_QWEN]
    pulling.cancel()
    await asyncio.wait([pulling])
    assert not pipeline.engine.downloads


async def test_a_digest_does_not_wait_for_the_download(pipeline: PipelineHarness, project: Path) -> None:
    (project / "a.log").write_text("INFO the pump runs\n" * 200 + "ERROR pump 7 failed\n")
    wanted = Compression(("a.log",), focus="Which pump failed?")
    outcome = await pipeline.compressor.compress(wanted, pipeline.caller, pipeline.report)
    assert outcome.name == "returned"
    assert "ERROR pump 7 failed" in outcome.text
    assert "(The local model did not answer: still_downloading.)" in outcome.text
