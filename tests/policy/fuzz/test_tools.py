"""Fuzzing of every tool's arguments through a real client: the result is an answer or ``code: cause next
step``.

The hub is complete except for the engine, which never answers. See ``test_fuzz``.
"""

import asyncio
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client.client import Client

from server.config.folders import Folders
from server.config.sections import BackendSettings, OffloadSettings, PolicySettings
from server.config.settings import Settings
from server.hub import Hub, open_hub
from server.tools.mcp_server import TokenSaverServer, all_tools, build_mcp
from tests.mcp_clients import text_of
from tests.policy.fuzz.amount import tool_fuzz

SETTINGS = Settings(
    backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"),
    offload=OffloadSettings(max_file_bytes=2000),
    policy=PolicySettings(),
)
ERROR = re.compile(r"[a-z_]+: .+", re.DOTALL)
ALLOW_ALL = 'version: "1"\ndefault: allow\ntools: {}\n'


def named_tools() -> list[str]:
    """Return every tool's name."""

    async def names(home: Path) -> list[str]:
        async with open_hub(SETTINGS, Folders(home, home, home, home)) as hub:
            return [tool.name for tool in all_tools(hub)]

    with tempfile.TemporaryDirectory() as home:
        return asyncio.run(names(Path(home)))


class Server:
    """A hub and a client on their own event loop, for tests that are not coroutines."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.project = home / "project"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._end = asyncio.Event()
        self._began = threading.Event()

    def start(self) -> None:
        (self.project / "a").mkdir(parents=True)
        (self.project / "a.py").write_text("def f():\n    return 1\n")
        (self.project / "a" / "b.md").write_text("# Text\n")
        (self.project / "big.txt").write_text("x" * 3000)
        (self.project / "out").symlink_to("..")
        (self.home / "policy.yaml").write_text(ALLOW_ALL)
        self._thread.start()
        self._lives = asyncio.run_coroutine_threadsafe(self._live(), self._loop)
        assert self._began.wait(120)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._lives.result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Return what is wrong with the call's answer, empty if it is valid."""
        return self.call_all(tool, [arguments])[0][1]

    def call_all(self, tool: str, calls: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
        """Make all calls concurrently; return the arguments of each and what is wrong with its answer."""
        work = self._call_all(tool, calls)
        return list(zip(calls, asyncio.run_coroutine_threadsafe(work, self._loop).result(300), strict=True))

    def files(self) -> dict[Path, bytes]:
        """Return the project's files and their contents."""
        return {path: path.read_bytes() for path in self.project.rglob("*") if path.is_file()}

    async def _call_all(self, tool: str, calls: list[dict[str, Any]]) -> list[str]:
        return await asyncio.gather(*(self._call(tool, arguments) for arguments in calls))

    async def _call(self, tool: str, arguments: dict[str, Any]) -> str:
        try:
            result = await self._client.call_tool(tool, arguments)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
            return f"{type(error).__name__}: {error}"
        text = text_of(result)
        if tool == "batch_offload" and not result.is_error:
            # A batch waits for its engine, which never answers here.
            for job in re.findall(r"\bj[0-9a-f]{8}\b", text):
                await self.hub.batches.cancel(job)
        return _problem(text, failed=bool(result.is_error))

    async def _live(self) -> None:
        home = self.home
        settings = SETTINGS.model_copy(update={"roots": (self.project,)})
        self.hub = await Hub.start(
            settings, Folders(config=home, data=home, state=home, cache=home / "cache")
        )
        server: TokenSaverServer = build_mcp(self.hub)
        async with Client(server, mode="2026-07-28") as self._client:
            self._began.set()
            await self._end.wait()
        await self.hub.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("tools"))
    running.start()
    yield running
    running.stop()


TEXTS = st.one_of(
    st.sampled_from(
        [
            "", " ", "a.py", "a/*.md", "**", "*", "a.py::f", "a.py:1-2", "a.py:9-3", "../x", "out/x",
            "big.txt", "{path}", "{dir}/{stem}.md", "{x}", "{", "new.py", "/etc/passwd", "\0", "code",
            "diff", "coding", "general", "qwen2.5-coder:0.5b", "-1", "0", "10m", "look", "items", "cancel",
            "j00000000", "json", "prometheus", "get", "set", "add", "remove", "blocked_models", "x" * 3000,
        ]
    ),
    st.text(max_size=12),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), st.just(10**30)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
TASK = st.fixed_dictionaries(
    {"task": TEXTS},
    optional={"files": st.lists(TEXTS, max_size=2), "output": TEXTS, "model": TEXTS, "id": TEXTS},
)


def _fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of the type of an argument."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        inner = schema.get("items", {})
        return st.lists(TASK if inner.get("type") == "object" else TEXTS, max_size=3)
    simple: dict[Any, st.SearchStrategy[Any]] = {
        "boolean": st.booleans(),
        "integer": st.integers(-5, 5000),
        "object": st.dictionaries(TEXTS, VALUES, max_size=2),
    }
    return simple.get(kind, TEXTS)


def _arguments(server: Server, tool: str) -> st.SearchStrategy[dict[str, Any]]:
    schema = next(each.parameters for each in all_tools(server.hub) if each.name == tool)
    known = schema["properties"]
    fitting = {name: st.one_of(_fitting(each), _fitting(each), VALUES) for name, each in known.items()}
    required = schema.get("required", [])
    return st.one_of(
        st.fixed_dictionaries(
            {name: fitting[name] for name in required},
            optional={name: each for name, each in fitting.items() if name not in required},
        ),
        st.dictionaries(st.one_of(st.sampled_from([*known, "x"]), TEXTS), VALUES, max_size=3),
    ).map(_without_waiting)


def _without_waiting(arguments: dict[str, Any]) -> dict[str, Any]:
    """Drop arguments that only make the call wait for the engine."""
    if arguments.get("wait") is True or "each" in arguments or "tasks" in arguments:
        arguments = arguments | {"wait": False}
    elif isinstance(arguments.get("wait"), int | float):
        arguments = arguments | {"wait": 0}
    return arguments


def drawing(server: Server, tool: str, take: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Return a test that passes on the arguments that hypothesis draws for one tool."""

    @tool_fuzz
    @given(arguments=_arguments(server, tool))
    def draw(arguments: dict[str, Any]) -> None:
        take(arguments)

    return draw


def _problem(text: str, *, failed: bool) -> str:
    never = ("Traceback", "internal_error: ", "Error executing tool")
    if any(each in text for each in never) or (failed and not ERROR.match(text)):
        return text or "an error without a text"
    return ""


@pytest.mark.parametrize("tool", named_tools())
def test_arguments(server: Server, tool: str) -> None:
    def check(arguments: dict[str, Any]) -> None:
        assert server.call(tool, arguments) == ""

    before = server.files()
    drawing(server, tool, check)()
    assert server.files() == before
