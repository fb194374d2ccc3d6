"""Weights from the publisher's repository on the Hugging Face Hub, through ``huggingface-hub``.

The download runs in a child process, so that it can be stopped at any moment. It resumes an interrupted
download at the end of the file; ``hf_hub_download`` itself would start over.
"""

import json
import os
import sys
from pathlib import Path

import httpx

from server.backends.base import PullProgress, ReportPull
from server.backends.embedded.catalogue import Official, PinnedModel
from server.backends.embedded.weights.source import SourceUnavailable, report_while, size_of
from server.common.processes import last_line, run_module

USUAL_ENDPOINT = "https://huggingface.co"
PROBE_SECONDS = 5.0
# No telemetry, and no progress bars in error texts.
ENVIRON = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
CHUNK = 1 << 18
"""Bytes per write. The library's 10 MiB would make progress coarse and interruptions expensive."""


async def fetch(partial: Path, name: str, model: PinnedModel, report: ReportPull) -> None:
    """Download the rest of the file to ``partial``, without verifying it.

    Raises:
        SourceUnavailable: the repository cannot be reached, or lacks the file.
        OSError: the disk failed.
    """
    if model.official is None:
        raise SourceUnavailable("it has no official repository")
    if size_of(partial) == model.size:
        return
    await _probe(model.official, model.sha256)
    order = {**model.official.model_dump(), "partial": str(partial), "size": model.size}
    status, errors = await report_while(
        run_module("server.backends.embedded.weights.official", [json.dumps(order)], ENVIRON),
        lambda: PullProgress(name, "downloading", min(size_of(partial), model.size), model.size),
        report,
    )
    if status:
        raise SourceUnavailable(f"the official repository broke off ({last_line(errors, status)})")


async def _probe(official: Official, sha256: str) -> None:
    """Check within seconds that the file is available, before the library retries for a long time."""
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
    # The Hub sends the SHA-256 of a large file before it redirects to its storage.
    if response.headers.get("x-linked-etag", sha256).strip('"') != sha256:
        raise SourceUnavailable("the official repository has another file with this name now")


def _download() -> None:
    """Run in the child process: download the rest of the file described on the command line."""
    from huggingface_hub import constants, file_download, hf_hub_url  # noqa: PLC0415 - slow

    order = json.loads(sys.argv[1])
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    partial = Path(order["partial"])
    if size_of(partial) > order["size"]:
        partial.unlink()
    with partial.open("ab") as file:  # a public file: no headers, so that no token of the user is sent
        file_download.http_get(
            hf_hub_url(order["repo"], order["file"]),
            file,
            resume_size=size_of(partial),
            expected_size=order["size"],
        )


if __name__ == "__main__":
    _download()
