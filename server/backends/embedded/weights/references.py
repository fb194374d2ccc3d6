"""Model references: names on a hub, file URLs, and paths.

``hf.co/org/repo:Q4_K_M``, ``org/repo:Q4_K_M`` and hub page URLs refer to a model on the hub.
``https://host/file.gguf`` refers to a file anywhere. ``/path/file.gguf`` and ``/path/folder`` refer to files
on this machine.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

USUAL_ENDPOINT = "https://huggingface.co"
_HOSTS = frozenset({"hf.co", "huggingface.co", "www.huggingface.co"})
_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PAGES = ("resolve", "blob", "raw", "tree")


@dataclass(frozen=True)
class OnHub:
    """A model in the repository ``repo``. ``wanted`` is a quantization or file name, or empty for the usual
    quantization.
    """

    repo: str
    wanted: str = ""
    revision: str = "main"

    @property
    def name(self) -> str:
        """The reference in the app's canonical spelling."""
        return f"hf.co/{self.repo}" + (f":{self.wanted}" if self.wanted else "")


@dataclass(frozen=True)
class AtAddress:
    """A GGUF file at a URL outside the hub."""

    url: str

    @property
    def name(self) -> str:
        """The URL of the file."""
        return self.url


@dataclass(frozen=True)
class OnDisk:
    """A GGUF file, or a folder of GGUF files, on this machine."""

    path: Path

    @property
    def name(self) -> str:
        """The path of the file or folder."""
        return str(self.path)


Reference = OnHub | AtAddress | OnDisk


def endpoint() -> str:
    """Return the hub's address: ``HF_ENDPOINT`` if set, otherwise the default."""
    return (os.environ.get("HF_ENDPOINT", "") or USUAL_ENDPOINT).rstrip("/")


def parse_reference(text: str) -> Reference | None:
    """Return the reference in ``text``; None for a plain name from a catalogue or an engine's registry."""
    text = text.strip()
    if "://" in text:
        return _of_address(text)
    path = Path(text).expanduser()
    if path.is_absolute() or text.startswith(("./", "../", ".\\", "..\\")):
        return OnDisk(path.absolute())
    host, _, rest = text.partition("/")
    if host.lower() in _HOSTS:
        return _of_repo(rest)
    return _of_repo(text)


def _of_address(text: str) -> Reference | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    own = urlsplit(endpoint())
    if parts.hostname not in _HOSTS and parts.netloc != own.netloc:
        return AtAddress(text)
    org, repo, *more = [unquote(each) for each in parts.path.split("/") if each] + [""] * 2
    named = _of_repo(f"{org}/{repo}")
    pages = [each for each in more if each]
    if named is None or len(pages) < 2 or pages[0] not in _PAGES:
        return named
    return OnHub(named.repo, "/".join(pages[2:]), pages[1])


def _of_repo(text: str) -> OnHub | None:
    repo, _, wanted = text.partition(":")
    if not _REPO.fullmatch(repo) or ".." in repo:
        return None
    return OnHub(repo, wanted)
