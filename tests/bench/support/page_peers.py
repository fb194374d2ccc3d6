"""Pages without a browser.

``python -m tests.bench.support.page_peers LOGIN_LINK…`` opens *Now* once for each link.

Each is a real socket.io client that acts like the page's script: it logs in, loads the page, joins by its
handshake, acknowledges messages and discards them. The command prints a line when all are connected, and when
its standard input ends, a line with the number of received messages and bytes.
"""

import ast
import asyncio
import html
import json
import re
import sys
from urllib.parse import urlencode, urlsplit

import httpx
import socketio  # type: ignore[import-untyped]

ACKNOWLEDGE_SECONDS = 3.0


class Peer:
    """One page."""

    def __init__(self) -> None:
        self.messages = self.bytes = 0
        self._next = 0
        self._io = socketio.AsyncClient()
        self._io.on("*", self._take)

    async def open(self, link: str) -> None:
        """Log in, load the page and connect."""
        async with httpx.AsyncClient(follow_redirects=True) as http:
            page = await http.get(link)
            cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        found = re.search(r"query: (\{.*?\}),\n", html.unescape(page.text))
        assert found, page.text[:500]
        query = {**ast.literal_eval(found[1]), "document_id": link, "tab_id": link}
        said = {key: json.dumps(value) if isinstance(value, bool) else value for key, value in query.items()}
        self._client = query["client_id"]
        parts = urlsplit(link)
        await self._io.connect(
            f"http://{parts.netloc}?{urlencode(said)}",
            headers={"Cookie": cookies, "Origin": f"http://{parts.netloc}"},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    async def _take(self, event: str, data: dict[str, object]) -> None:
        self.messages += 1
        self.bytes += len(json.dumps([event, data]))
        self._next = int(str(data.get("_id", self._next - 1))) + 1

    async def acknowledge(self) -> None:
        """Acknowledge received messages, as a page does every few seconds."""
        await self._io.emit("ack", {"client_id": self._client, "next_message_id": self._next})

    async def close(self) -> None:
        """Disconnect."""
        await self._io.disconnect()


async def main(links: list[str]) -> None:
    """Open the pages, and keep them until standard input ends."""
    peers = [Peer() for _ in links]
    for peer, link in zip(peers, links, strict=True):
        await peer.open(link)
    print("connected", flush=True)
    end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    while not (await asyncio.wait({end}, timeout=ACKNOWLEDGE_SECONDS))[0]:
        await asyncio.gather(*(peer.acknowledge() for peer in peers))
    sums = {"messages": sum(each.messages for each in peers), "bytes": sum(each.bytes for each in peers)}
    print(json.dumps(sums), flush=True)
    await asyncio.gather(*(peer.close() for peer in peers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
