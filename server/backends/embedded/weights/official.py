"""Weights from the publisher's repository on the Hugging Face Hub, through ``huggingface-hub``.

That runs in a child process, so that it can be stopped at any moment. The file grows in place, and a
download that broke off goes on at its end; ``hf_hub_download`` itself would begin anew.
"""

import json
import os
import sys
from pathlib import Path

import httpx

from server.backends.base import PullProgress, ReportPull
from server.backends.embedded.catalogue import Official, PinnedModel
from server.backends.embedded.weights.source import SourceUnavailable, size_of, watched
from server.common.processes import last_line, run_module

USUAL_ENDPOINT = "https://huggingface.co"
PROBE_SECONDS = 5.0
# No telemetry, and nothing drawn into an error text.
ENVIRON = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
CHUNK = 1 << 18
"""Bytes of one write. With the library's 10 MiB, progress stands still and an interruption costs more."""


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Download the rest of the file to ``partial``; it is not verified yet.

    Raises:
        SourceUnavailable: the repository cannot be reached, or has no such file.
        OSError: the disk failed.
    """
    if model.official is None:
        raise SourceUnavailable("it has no official repository")
    if size_of(partial) == model.size:
        return
    await _probe(model.official, model.sha256)
    order = {**model.official.model_dump(), "partial": str(partial), "size": model.size}
    status, errors = await watched(
        run_module("server.backends.embedded.weights.official", [json.dumps(order)], ENVIRON),
        lambda: PullProgress(name, "downloading", min(size_of(partial), model.size), model.size),
        report,
    )
    if status:
        raise SourceUnavailable(f"the official repository broke off ({last_line(errors, status)})")


async def _probe(official: Official, sha256: str) -> None:
    """Find out within seconds whether the file is there, before anything that would try for long."""
    endpoint = os.environ.get("HF_ENDPOINT", USUAL_ENDPOINT).rstrip("/")
    try:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS) as client:
            response = await client.head(f"{endpoint}/{official.repo}/resolve/main/{official.file}")
    except httpx.HTTPError as error:
        raise SourceUnavailable(
            f"the official repository cannot be reached ({type(error).__name__})"
        ) from None
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise SourceUnavailable(f"the official repository answers {response.status_code}")
    # The Hub tells the SHA-256 of a large file before it redirects to its storage.
    if response.headers.get("x-linked-etag", sha256).strip('"') != sha256:
        raise SourceUnavailable("the official repository has another file of that name now")


def _download() -> None:
    """Do the child's work: the rest of one file, as the order on the command line says."""
    from huggingface_hub import constants, file_download, hf_hub_url  # noqa: PLC0415 - slow

    order = json.loads(sys.argv[1])
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    partial = Path(order["partial"])
    if size_of(partial) > order["size"]:
        partial.unlink()
    with partial.open("ab") as file:  # a public one: no headers, so the user's token is not sent along
        file_download.http_get(
            hf_hub_url(order["repo"], order["file"]),
            file,
            resume_size=size_of(partial),
            expected_size=order["size"],
        )


if __name__ == "__main__":
    _download()
