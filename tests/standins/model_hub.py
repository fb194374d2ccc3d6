"""Stand-in for the Hugging Face Hub: its listing of files, and files by redirect from a second address.

The routes and headers are those of https://huggingface.co/docs/hub/api::

    with ModelHub() as hub:
        hub.add("org/model-GGUF", "model-Q4_K_M.gguf", content)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.standins.serving import BreakOff, Exchange, Reply, StandInServer, json_reply

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 64 << 10
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Repository:
    """A repository. ``gated`` ones need ``token``."""

    files: dict[str, bytes] = field(default_factory=dict)
    license: str = "apache-2.0"
    gated: bool = False


class ModelHub(StandInServer):
    """The hub and its storage.

    Attributes:
        delay: seconds before each piece of a file.
        holds_after: bytes of a file after which the storage sends nothing; None sends all of it.
        breaks_after: bytes of a file after which the connection drops, one for each of the next downloads.
        ranges: whether the storage sends parts of files.
        damaged: whether the storage sends other bytes than those that the hub lists.
        token: the token that opens gated repositories.
        sent: bytes of files that were sent.
    """

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.repositories: dict[str, Repository] = {}
        self.delay = 0.0
        self.holds_after: int | None = None
        self.breaks_after: list[int] = []
        self.ranges = True
        self.damaged = False
        self.token = "hf_secret"
        self.sent = 0

    def add(self, repo: str, path: str, content: bytes) -> Repository:
        """Add a file to a repository and return that."""
        repository = self.repositories.setdefault(repo, Repository())
        repository.files[path] = content
        return repository

    async def _handle(self, exchange: Exchange) -> Reply:
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", exchange.path):
            return self._listing(found[1], exchange)
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", exchange.path):
            return self._redirect(found[1], unquote(found[3]), exchange)
        if found := re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", exchange.path):
            return self._file(found[1], unquote(found[2]), exchange)
        return Reply(404)

    def _refusal(self, repo: str, exchange: Exchange) -> Reply | None:
        if repo not in self.repositories:
            return _refused(401, "RepoNotFound")
        key = exchange.headers.get("authorization")
        if self.repositories[repo].gated and key != f"Bearer {self.token}":
            return _refused(401 if key is None else 403, "GatedRepo")
        return None

    def _listing(self, repo: str, exchange: Exchange) -> Reply:
        if (refusal := self._refusal(repo, exchange)) is not None:
            return refusal
        repository = self.repositories[repo]
        siblings = [{"rfilename": "README.md", "size": 3}]
        siblings += [_sibling(path, content) for path, content in repository.files.items()]
        card = {"license": repository.license} if repository.license else None
        return json_reply({"id": repo, "sha": COMMIT, "cardData": card, "siblings": siblings})

    def _redirect(self, repo: str, path: str, exchange: Exchange) -> Reply:
        if (refusal := self._refusal(repo, exchange)) is not None:
            return refusal
        if path not in self.repositories[repo].files:
            return _refused(404, "EntryNotFound")
        target = f"http://localhost:{self.port}/storage/{repo}/{path}"
        return Reply(302, headers=(("Location", target),))

    def _file(self, repo: str, path: str, exchange: Exchange) -> Reply:
        content = self.repositories[repo].files[path]
        if self.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = _RANGE.fullmatch(exchange.headers.get("range", "")) if self.ranges else None
        start = int(asked[1]) if asked else 0
        if start > len(content):
            return Reply(416)
        length = str(len(content) - start)
        if exchange.method == "HEAD":
            return Reply(headers=(("Content-Length", length),), stream=_nothing())
        headers = [("Content-Length", length)]
        if asked:
            headers.append(("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"))
        most = self.breaks_after.pop(0) if self.breaks_after else None
        pieces = self._pieces(content[start:], most)
        return Reply(206 if asked else 200, stream=pieces, headers=tuple(headers))

    async def _pieces(self, content: bytes, most: int | None) -> AsyncIterator[bytes]:
        for at in range(0, len(content), PIECE):
            await asyncio.sleep(self.delay)
            while self.holds_after is not None and at >= self.holds_after:
                await asyncio.sleep(0.01)
            if most is not None and at >= most:
                raise BreakOff
            piece = content[at : at + PIECE]
            self.sent += len(piece)
            yield piece


def _sibling(path: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    lfs = {"sha256": digest, "size": len(content), "pointerSize": 135}
    return {"rfilename": path, "size": len(content), "blobId": digest[:40], "lfs": lfs}


def _refused(status: int, code: str) -> Reply:
    reply = json_reply({"error": code}, status)
    return Reply(reply.status, reply.body, headers=(("X-Error-Code", code),))


async def _nothing() -> AsyncIterator[bytes]:
    for piece in ():
        yield piece
