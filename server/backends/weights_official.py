"""Weights from the publisher's repository on the Hugging Face Hub, through ``huggingface-hub``.

That runs in a child process, so that it can be stopped at any moment; it resumes by itself.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import httpx

from server.backends.base import PullProgress, ReportPull
from server.backends.catalogue import PinnedModel
from server.backends.process import run_python
from server.backends.weights_source import SourceUnavailable

USUAL_ENDPOINT = "https://huggingface.co"
PROBE_SECONDS = 5.0
LOOK_SECONDS = 1.0
# No telemetry; and the plain protocol, whose partial files can be resumed and watched.
ENVIRON = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Download the file to ``partial``; it is not verified yet.

    Raises:
        SourceUnavailable: the repository cannot be reached, or has no such file.
        OSError: the disk failed.
    """
    if model.official is None:
        raise SourceUnavailable("it has no official repository")
    await _probe(f"{_endpoint()}/{model.official.repo}/resolve/main/{model.official.file}")
    work = partial.with_name(f"{partial.name}.official")
    order = {"repo_id": model.official.repo, "filename": model.official.file, "local_dir": str(work)}
    watch = asyncio.create_task(_watch(work, name, model.size, report))
    try:
        status, errors = await run_python(
            ["-m", "server.backends.weights_official", json.dumps(order)], ENVIRON
        )
    finally:
        watch.cancel()
    if status:
        raise SourceUnavailable(f"the official repository broke off ({errors.splitlines()[-1:]})")
    (work / model.official.file).replace(partial)
    await asyncio.to_thread(shutil.rmtree, work)


async def _probe(url: str) -> None:
    """Find out within seconds whether the file is there, before anything that would try for long."""
    try:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS) as client:
            response = await client.head(url)
    except httpx.HTTPError as error:
        raise SourceUnavailable(
            f"the official repository cannot be reached ({type(error).__name__})"
        ) from None
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise SourceUnavailable(f"the official repository answers {response.status_code}")


async def _watch(work: Path, name: str, size: int, report: ReportPull) -> None:
    while True:
        there = max((file.stat().st_size for file in _growing(work)), default=0)
        await report(PullProgress(name, "downloading", there, size))
        await asyncio.sleep(LOOK_SECONDS)


def _growing(work: Path) -> list[Path]:
    return [*work.glob(".cache/huggingface/download/*.incomplete"), *work.glob("*.gguf")]


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", USUAL_ENDPOINT).rstrip("/")


def _download() -> None:
    """Do the child's work: one file, as the order on the command line says."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - a second that only the child pays

    hf_hub_download(**json.loads(sys.argv[1]))


if __name__ == "__main__":
    _download()
