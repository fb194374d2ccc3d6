"""Downloads of models from a stand-in for the hub: every reference, resumption, verification, refusals."""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from server.backends.base import PullProgress
from server.backends.embedded import catalogue
from server.backends.embedded.catalogue import Official, PinnedModel, pinned_models
from server.backends.embedded.weights import fetch
from server.backends.embedded.weights.fetch import fetch_weights, look_up, places_in
from server.common.errors import (
    BadArguments,
    ChecksumMismatch,
    DownloadError,
    ModelNotFound,
    NoDiskSpace,
    NoNetwork,
)
from tests.faults.disk import no_file_beyond
from tests.standins.model_hub import ModelHub

pytestmark = pytest.mark.anyio

CONTENT = b"GGUF" + bytes(range(256)) * 12_000
REPO = "org/toy-GGUF"
Q4 = "toy-Q4_K_M.gguf"
PARTS = {f"big-Q8_0/big-Q8_0-0000{n}-of-00003.gguf": b"GGUF" + bytes([n]) * 100_000 for n in (1, 2, 3)}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    with ModelHub() as server:
        server.add(REPO, Q4, CONTENT)
        server.add(REPO, "toy-Q8_0.gguf", CONTENT + b"8")
        server.add(REPO, "mmproj-toy-Q4_K_M.gguf", b"GGUFmmproj")
        for path, content in PARTS.items():
            server.add("org/big", path, content)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


async def _silent(_progress: PullProgress) -> None:
    """Ignore progress."""


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("hf.co/{repo}:Q8_0", "toy-Q8_0.gguf"),
        ("{repo}:q4_k_m", Q4),
        ("{repo}", Q4),
        ("{url}/{repo}", Q4),
        ("{url}/{repo}/blob/main/toy-Q8_0.gguf", "toy-Q8_0.gguf"),
        ("{url}/{repo}/resolve/main/toy-Q8_0.gguf?download=true", "toy-Q8_0.gguf"),
        ("hf.co/{repo}:toy-Q8_0.gguf", "toy-Q8_0.gguf"),
    ],
    ids=["hub", "bare", "usual", "page", "blob", "file", "file-name"],
)
async def test_every_form_of_a_reference(hub: ModelHub, folder: Path, reference: str, name: str) -> None:
    path = await fetch_weights(folder, reference.format(repo=REPO, url=hub.url), _silent)
    assert path == folder / REPO / name
    assert path.read_bytes() == hub.repositories[REPO].files[name]
    assert {each.name for each in path.parent.iterdir()} == {name, path.with_suffix(".lock").name}


async def test_a_file_at_any_address(hub: ModelHub, folder: Path) -> None:
    address = f"http://localhost:{hub.port}/storage/{REPO}/{Q4}"
    path = await fetch_weights(folder, address, _silent)
    assert path == folder / "localhost" / Q4
    assert path.read_bytes() == CONTENT
    assert (await look_up(address)).size == len(CONTENT)
    with pytest.raises(ModelNotFound, match=r"not the address of a GGUF file"):
        await fetch_weights(folder, f"http://localhost:{hub.port}/storage/x.bin", _silent)


async def test_all_parts_of_a_split_model(hub: ModelHub, folder: Path) -> None:
    seen: list[PullProgress] = []

    async def note(progress: PullProgress) -> None:
        seen.append(progress)

    path = await fetch_weights(folder, "org/big:Q8_0", note)
    assert path.name == "big-Q8_0-00001-of-00003.gguf"
    arrived = {each.name: each.read_bytes() for each in path.parent.glob("*.gguf")}
    assert arrived == {name.rpartition("/")[2]: content for name, content in PARTS.items()}
    assert {each.total for each in seen} == {sum(map(len, PARTS.values()))}
    assert [each.completed for each in seen] == sorted(each.completed for each in seen)


async def test_size_and_licence_come_before_the_download(hub: ModelHub, folder: Path) -> None:
    found = await look_up(f"hf.co/{REPO}:Q4_K_M")
    assert (found.size, found.license) == (len(CONTENT), "apache-2.0")
    assert hub.sent == 0
    seen: list[PullProgress] = []

    async def note(progress: PullProgress) -> None:
        seen.append(progress)

    hub.repositories[REPO].license = ""
    await fetch_weights(folder, REPO, note)
    assert (seen[0].status, seen[0].completed) == ("downloading (0.0 GB, licence: not stated)", 0)
    with pytest.raises(BadArguments):
        await look_up(str(folder))


@pytest.mark.parametrize("ranges", [True, False], ids=["resumed", "from-the-start"])
async def test_a_broken_download_goes_on(
    hub: ModelHub, folder: Path, monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    monkeypatch.setattr("server.backends.embedded.weights.download.PAUSE", 0.01)
    hub.ranges = ranges
    hub.breaks_after = [1_000_000, 1_500_000] if ranges else [1_000_000]
    assert (await fetch_weights(folder, REPO, _silent)).read_bytes() == CONTENT
    assert hub.sent < len(CONTENT) + 300_000 if ranges else hub.sent > len(CONTENT)


async def test_a_slow_hub_is_waited_for(hub: ModelHub, folder: Path) -> None:
    hub.delay = 0.02
    assert (await fetch_weights(folder, REPO, _silent)).read_bytes() == CONTENT


async def test_a_hub_that_breaks_off_again_and_again_is_given_up(
    hub: ModelHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.backends.embedded.weights.download.PAUSE", 0.01)
    hub.breaks_after = [0] * 99
    with pytest.raises(NoNetwork):
        await fetch_weights(folder, REPO, _silent)
    hub.breaks_after = []
    assert (await fetch_weights(folder, REPO, _silent)).read_bytes() == CONTENT


async def test_wrong_bytes_are_removed(hub: ModelHub, folder: Path) -> None:
    hub.damaged = True
    with pytest.raises(ChecksumMismatch):
        await fetch_weights(folder, REPO, _silent)
    assert [each.name for each in (folder / REPO).iterdir()] == [f"{Path(Q4).stem}.lock"]


async def test_a_page_instead_of_a_model_is_refused(hub: ModelHub, folder: Path) -> None:
    hub.add("org/page", "page-Q4_0.gguf", b"<html>no model</html>")
    with pytest.raises(ChecksumMismatch):
        await fetch_weights(folder, "org/page", _silent)


@pytest.mark.parametrize("token", ["", "hf_wrong"], ids=["none", "wrong"])
async def test_a_gated_repository_names_what_to_do(
    hub: ModelHub, folder: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    hub.repositories[REPO].gated = True
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(DownloadError, match="is a gated model") as raised:
        await fetch_weights(folder, REPO, _silent)
    assert "HF_TOKEN" in raised.value.next_step


async def test_the_token_opens_a_gated_repository_and_stays_with_the_hub(
    hub: ModelHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[REPO].gated = True
    monkeypatch.setenv("HF_TOKEN", hub.token)
    await fetch_weights(folder, REPO, _silent)
    stored = [each for each in hub.requests if each.path.startswith("/storage/")]
    assert stored
    assert not any("authorization" in each.headers for each in stored)


@pytest.mark.parametrize(
    ("reference", "cause", "step"),
    [
        ("org/none", "The hub does not have hf.co/org/none", "Check the name"),
        ("org/toy-GGUF:Q2_K", "is not in its repository", "toy-Q4_K_M.gguf"),
        ("org/plain", "has no GGUF file", "GGUF"),
        ("qwen2.5-codr-1.5b", "'qwen2.5-codr-1.5b' is not a model that can be added", "qwen2.5-coder-1.5b"),
    ],
    ids=["repository", "quantization", "format", "catalogue"],
)
async def test_what_does_not_exist(
    hub: ModelHub, folder: Path, reference: str, cause: str, step: str
) -> None:
    hub.add("org/plain", "model.safetensors", b"x")
    with pytest.raises(ModelNotFound, match=cause) as raised:
        await fetch_weights(folder, reference, _silent)
    assert step in raised.value.next_step


async def test_nothing_listens(folder: Path, hub: ModelHub) -> None:
    hub.stop()
    with pytest.raises(NoNetwork, match=r"cannot be reached \(ConnectError\)"):
        await fetch_weights(folder, REPO, _silent)


@pytest.mark.parametrize("proxy", ["socks5h://127.0.0.1:9", "http://127.0.0.1:9"], ids=["socks", "http"])
async def test_a_proxy_that_is_away_is_no_defect(
    folder: Path, hub: ModelHub, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(NoNetwork):
        await fetch_weights(folder, REPO, _silent)


async def test_an_odd_proxy_is_named(folder: Path, hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    monkeypatch.delenv("all_proxy", raising=False)
    with pytest.raises(NoNetwork, match="proxy in the environment") as raised:
        await fetch_weights(folder, REPO, _silent)
    assert "ALL_PROXY" in raised.value.next_step


FETCH = """
import asyncio, sys
from pathlib import Path
from server.backends.embedded.weights.fetch import fetch_weights

async def report(progress):
    print(progress.completed, flush=True)

asyncio.run(fetch_weights(Path(sys.argv[1]), sys.argv[2], report))
"""


@asynccontextmanager
async def _fetching(folder: Path, name: str, least: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process that downloads and has at least so many bytes; it is killed at the end."""
    command = [sys.executable, "-c", FETCH, str(folder), name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        while int(await asyncio.to_thread(process.stdout.readline)) < least:
            assert process.poll() is None
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        process.stdout.close()


@pytest.mark.parametrize(
    ("name", "first", "size"),
    [
        (REPO, f"{REPO}/{Q4}", len(CONTENT)),
        (f"{{url}}/{REPO}/resolve/main/{Q4}", f"{REPO}/{Q4}", len(CONTENT)),
        (f"http://localhost:{{port}}/storage/{REPO}/{Q4}", f"localhost/{Q4}", len(CONTENT)),
        ("org/big:Q8_0", "org/big/big-Q8_0-00001-of-00003.gguf", 300_012),
    ],
    ids=["hub", "address-on-the-hub", "other-address", "split"],
)
async def test_a_killed_download_is_resumed(
    hub: ModelHub, folder: Path, name: str, first: str, size: int
) -> None:
    name = name.format(url=hub.url, port=hub.port)
    hub.delay = 0.02
    async with _fetching(folder, name, size // 2):
        pass
    hub.delay = 0.0
    before = hub.sent
    path = await fetch_weights(folder, name, _silent)
    assert path == folder / first
    assert hub.sent - before < size
    assert not list(folder.rglob("*.part"))


async def test_a_second_process_waits_for_the_first(hub: ModelHub, folder: Path) -> None:
    hub.holds_after = 500_000
    seen: list[PullProgress] = []

    async def note(progress: PullProgress) -> None:
        seen.append(progress)
        hub.holds_after = None

    async with _fetching(folder, REPO, 100_000) as other:
        path = await fetch_weights(folder, REPO, note)
        await asyncio.to_thread(other.wait)
    assert path.read_bytes() == CONTENT
    assert seen[0].status == "another process is downloading it"
    assert hub.sent < len(CONTENT) + 200_000


async def test_cancelling_keeps_what_arrived(hub: ModelHub, folder: Path) -> None:
    async def stop(progress: PullProgress) -> None:
        if progress.completed > len(CONTENT) // 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await fetch_weights(folder, REPO, stop)
    before = hub.sent
    await fetch_weights(folder, REPO, _silent)
    assert hub.sent - before < len(CONTENT)


async def test_missing_disk_space_is_an_error_before_the_download(
    hub: ModelHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SPARE_BYTES", shutil.disk_usage(folder.parent).total)
    with pytest.raises(NoDiskSpace):
        await fetch_weights(folder, REPO, _silent)
    assert hub.sent == 0


async def test_a_disk_that_fills_up_keeps_what_arrived(hub: ModelHub, folder: Path) -> None:
    with no_file_beyond(2_000_000), pytest.raises(DownloadError, match="cannot be stored"):
        await fetch_weights(folder, REPO, _silent)
    before = hub.sent
    assert (await fetch_weights(folder, REPO, _silent)).read_bytes() == CONTENT
    assert hub.sent - before < len(CONTENT)


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> PinnedModel:
    model = PinnedModel(
        title="Toy",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        license="Apache-2.0",
        official=Official(repo=REPO, file=Q4),
    )
    monkeypatch.setattr(fetch, "pinned_models", lambda: {"toy": model})
    return model


@pytest.mark.usefixtures("pinned")
async def test_a_model_of_the_catalogue(hub: ModelHub, folder: Path) -> None:
    path = await fetch_weights(folder, "toy", _silent)
    assert (path, path.read_bytes()) == (folder / "toy.gguf", CONTENT)
    hub.stop()
    assert await fetch_weights(folder, "toy", _silent) == path
    assert (await look_up("toy")).license == "Apache-2.0"


@pytest.mark.usefixtures("pinned")
async def test_a_file_that_the_hub_replaced_is_not_downloaded(hub: ModelHub, folder: Path) -> None:
    hub.repositories[REPO].files[Q4] = CONTENT + b"new"
    with pytest.raises(ChecksumMismatch, match="a different file"):
        await fetch_weights(folder, "toy", _silent)
    assert hub.sent == 0


async def test_a_path_is_used_in_place(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.gguf").write_bytes(CONTENT)
    for _ in range(2):
        assert await fetch_weights(folder, str(own / "mine.gguf"), _silent) == own / "mine.gguf"
    assert await fetch_weights(folder, str(own), _silent) == own / "mine.gguf"
    assert places_in(folder) == [own / "mine.gguf", own]
    assert [each.name for each in folder.iterdir()] == ["places.json"]
    for missing in (tmp_path / "none.gguf", tmp_path / "none"):
        with pytest.raises(ModelNotFound, match="No GGUF file was found at"):
            await fetch_weights(folder, str(missing), _silent)


def test_the_catalogue_is_complete() -> None:
    for name, model in pinned_models().items():
        assert name == name.lower()
        assert len(model.sha256) == 64
        assert model.size > 10**8
        assert model.license
    assert catalogue.pinned_name("qwen2.5-coder:1.5b") == "qwen2.5-coder-1.5b"
