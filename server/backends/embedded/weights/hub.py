"""Lists a model's files on the Hugging Face Hub, with sizes, checksums and licence, before the download.

The routes are documented at https://huggingface.co/docs/hub/api.
``/api/models/REPO/revision/REVISION?blobs=true`` lists the files with their sizes and, for large files, their
SHA-256. ``/REPO/resolve/COMMIT/FILE`` returns one file.
"""

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from server.backends.embedded.weights.references import OnHub, endpoint
from server.backends.error_texts import error_details, plain_error
from server.backends.trust import distrust, ssl_context
from server.backends.wire import Garbled, count_of, label_of, object_of, objects_of, parse_object
from server.common.errors import DownloadError, ModelNotFound, NoNetwork

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""Timeouts for the hub, which can be slow: seconds without data, and seconds to connect."""
USUAL_QUANTIZATIONS = ("Q4_K_M", "UD-Q4_K_XL", "Q4_K_S", "MXFP4", "Q4_0", "IQ4_XS", "Q5_K_M", "Q6_K", "Q8_0")
"""Quantizations in order of preference, as in llama.cpp's ``-hf``: best quality for the size first."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_MOST_LISTED = 8


@dataclass(frozen=True)
class HubFile:
    """One file: its path in the repository, size in bytes, SHA-256 (empty if unknown), and URL."""

    path: str
    size: int
    sha256: str
    url: str

    @property
    def file_name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class HubModel:
    """A model to download: its files in order (several if split), and its licence (empty if unknown)."""

    reference: str
    files: tuple[HubFile, ...]
    license: str

    @property
    def size(self) -> int:
        """Total size of all files in bytes."""
        return sum(each.size for each in self.files)

    @property
    def summary(self) -> str:
        """Size and licence, to show before the download."""
        return f"{self.size / 1e9:.1f} GB, licence: {self.license or 'not stated'}"


def open_client() -> httpx.AsyncClient:
    """Return a client for downloads. Unlike requests to engines, downloads use the environment's proxies.

    Raises:
        NoNetwork: the environment names a proxy that cannot be used.
    """
    try:
        return httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=True, verify=ssl_context(""))
    except (ImportError, ValueError) as error:
        raise NoNetwork(
            f"The proxy in the environment cannot be used: {error}.",
            "Correct or unset HTTPS_PROXY and ALL_PROXY, then try again.",
        ) from None


def credentials() -> dict[str, str]:
    """Return a header with the user's ``HF_TOKEN``, if set. The token is sent only to the hub."""
    token = os.environ.get("HF_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


async def find_on_hub(client: httpx.AsyncClient, reference: OnHub) -> HubModel:
    """Return the files that the reference points to.

    Raises:
        ModelNotFound: the repository or file does not exist on the hub. The message names files that do.
        NoNetwork: the hub cannot be reached.
        DownloadError: the hub refused the request or sent an unexpected response.
    """
    listing = await _listing(client, reference)
    files = [
        each
        for each in objects_of(listing.get("siblings"))
        if label_of(each.get("rfilename")).lower().endswith(".gguf")
    ]
    chosen = choose_files([label_of(each.get("rfilename")) for each in files], reference.wanted)
    if not chosen:
        raise _no_such_file(reference, [label_of(each.get("rfilename")) for each in files])
    commit = label_of(listing.get("sha")) or reference.revision
    entries = {label_of(each.get("rfilename")): each for each in files}
    return HubModel(
        reference.name,
        tuple(_file(reference.repo, commit, path, entries[path]) for path in chosen),
        _license(listing),
    )


def choose_files(paths: list[str], wanted: str) -> list[str]:
    """Return the files of one model: the file named ``wanted``, or the model with that quantization or the
    usual one.

    A split model has several files. Image projectors (``mmproj``) are not models.
    """
    models = [each for each in paths if "mmproj" not in each.lower()]
    whole = [each for each in models if _part(each) in (0, 1)]
    if wanted.lower().endswith(".gguf"):
        found = [each for each in whole if wanted in (each, each.rpartition("/")[2])]
    else:
        order = (wanted,) if wanted else USUAL_QUANTIZATIONS
        found = next((hits for each in order if (hits := _of_quantization(whole, each))), [])
        if not found and not wanted:
            found = sorted(whole)[:1]
    if not found:
        return []
    first = min(found, key=lambda each: (len(each), each))
    stem = _PART.sub("", first)
    return sorted(each for each in models if each == first or (_part(each) and _PART.sub("", each) == stem))


def _of_quantization(paths: list[str], quantization: str) -> list[str]:
    ending = re.compile(
        rf"(?:^|[-._/]){re.escape(quantization)}(?:-\d{{5}}-of-\d{{5}})?\.gguf$", re.IGNORECASE
    )
    return [each for each in paths if ending.search(each)]


def _part(path: str) -> int:
    found = _PART.search(path)
    return int(found[1]) if found else 0


async def _listing(client: httpx.AsyncClient, reference: OnHub) -> dict[str, Any]:
    url = f"{endpoint()}/api/models/{reference.repo}/revision/{quote(reference.revision, safe='')}"
    try:
        response = await client.get(url, params={"blobs": "true"}, headers=credentials())
    except httpx.HTTPError as error:
        raise unreachable(reference.name, error) from None
    if response.is_error:
        raise refused(reference, response.status_code, response.headers, response.content)
    try:
        return parse_object(response.content)
    except Garbled as error:
        raise DownloadError(f"The hub sent {error}.", "Check HF_ENDPOINT, and try again later.") from None


def unreachable(name: str, error: Exception) -> NoNetwork:
    """Return the error for a hub or server that cannot be reached."""
    reason = distrust(error)
    reason = f"its certificate is not trusted: {reason}" if reason else type(error).__name__
    return NoNetwork(
        f"{name} cannot be downloaded: the server cannot be reached ({reason}).",
        "Connect to the network and try again, or name your own GGUF file by its path.",
    )


def refused(
    reference: OnHub, status: int, headers: httpx.Headers, body: bytes
) -> DownloadError | ModelNotFound:
    """Return the error for a refusal by the hub, which also answers 401 if a repository does not exist."""
    code = headers.get("x-error-code", "")
    page = f"{endpoint()}/{reference.repo}"
    if code == "GatedRepo" or (status in (401, 403) and code != "RepoNotFound"):
        return DownloadError(
            f"{reference.name} is a gated model on the hub (status {status}).",
            f"Accept its terms at {page}, and set HF_TOKEN to your token.",
        )
    if status in (401, 404):
        return ModelNotFound(f"The hub does not have {reference.name}.", f"Check the name at {page}.")
    try:
        message = error_details(parse_object(body))["message"]
    except Garbled:
        message = plain_error(body)
    return DownloadError(
        f"The hub answered {status} for {reference.name}: {message or 'no reason given'}.", "Try again later."
    )


def _no_such_file(reference: OnHub, paths: list[str]) -> ModelNotFound:
    names = sorted({each.rpartition("/")[2] for each in paths if _part(each) in (0, 1)})
    if not names:
        return ModelNotFound(
            f"{reference.name} has no GGUF file.",
            "Look for a repository of the same model with GGUF in its name.",
        )
    shown = ", ".join(names[:_MOST_LISTED]) + (" …" if len(names) > _MOST_LISTED else "")
    return ModelNotFound(f"{reference.name} is not in its repository.", f"Its files: {shown}.")


def _file(repo: str, commit: str, path: str, entry: dict[str, Any]) -> HubFile:
    large = object_of(entry.get("lfs"))
    return HubFile(
        path,
        count_of(entry.get("size")) or count_of(large.get("size")),
        label_of(large.get("sha256")),
        f"{endpoint()}/{repo}/resolve/{quote(commit, safe='')}/{quote(path)}",
    )


def _license(listing: dict[str, Any]) -> str:
    card = object_of(listing.get("cardData"))
    named = label_of(card.get("license_name")) or label_of(card.get("license"))
    tags = listing.get("tags")
    tagged = [label_of(each) for each in tags] if isinstance(tags, list) else []
    prefix = "license:"
    return named or next((each.removeprefix(prefix) for each in tagged if each.startswith(prefix)), "")
