"""Tests of the digest hook with the real Claude Code CLI; only Claude's model is a stand-in."""

import gzip
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.clients.hooks import hook_entries
from tests.commands.test_connect import run as run_command
from tests.hub_process import HubProcess, start_hub
from tests.standins import mcp_texts
from tests.standins.claude_code import older_claude, run_claude_code, shut_off
from tests.standins.hub import hub_standin
from tests.standins.messages import MessagesStandIn, Text, ToolUse

SAMPLE = Path(__file__).parents[1] / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
MOST_CHARACTERS = 2_500
MOST_DELAY = 2.0
"""How long the hook may hold up a turn (seconds)."""
RUN = "python3 run_tests.py"
RUNS = 4

Trouble = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[None]]


PYTHON = sys.executable
"""For the MCP server, also while the hook's own Python is missing."""


@dataclass(frozen=True)
class Results:
    """The results that reached the API, and the times between two requests (seconds)."""

    texts: list[str]
    gaps: list[float]

    @property
    def longest(self) -> float:
        return max(self.gaps)


class ClaudeCodeHarness:
    """Claude Code in a project with large files; its hook is on or off."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "claude"
        self.project = folder / "project"
        self.project.mkdir()
        log = gzip.decompress(SAMPLE.read_bytes()).decode()[-60_000:]
        (self.project / "run.txt").write_text(log, encoding="utf-8")
        (self.project / "run_tests.py").write_text("print(open('run.txt').read())\n")
        records = [{"id": number, "name": f"user {number}", "state": "ok"} for number in range(830)]
        records[77]["state"] = "broken"
        (self.project / "records.json").write_text(json.dumps(records))
        lines = [f"10:{number // 60 % 60:02}:{number % 60:02} INFO tick {number}" for number in range(3_000)]
        lines[2_222] = "10:37:02 ERROR disk /dev/sdb is full"
        (self.project / "service.log").write_text("\n".join(lines) + "\n")
        (self.project / "module.py").write_text("".join(f"VALUE_{n} = {n}\n" for n in range(2_000)))

    def large_results(self) -> list[ToolUse]:
        """Return calls whose results the hook shortens: of Bash, of an MCP server and of Read."""
        return [bash(RUN), ToolUse("mcp__texts__get", {}), read(self.project / "service.log")]

    def run(self, calls: list[ToolUse], *, hook: bool = True, binary: Path | None = None) -> Results:
        """Let the model make these calls, one a turn, and return their results."""
        hooks: dict[str, list[Any]] = {}
        for event, entry in hook_entries("digest") if hook else ():
            hooks.setdefault(event, []).append(entry)
        settings = self.home / "config" / "settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps({"hooks": hooks}))
        program = [mcp_texts.__file__, str(self.project / "records.json")]
        with MessagesStandIn([*([call] for call in calls), [Text("Done.")]]) as api:
            run_claude_code(
                "Go.",
                api.url,
                home=self.home,
                project=self.project,
                servers={"texts": {"command": PYTHON, "args": program}},
                extra=("--permission-mode", "bypassPermissions"),
                binary=binary,
            )
            times = [
                at for at, request in zip(api.arrivals, api.requests, strict=True) if request.get("tools")
            ]
            texts = [_text(result) for result in api.tool_results()]
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        return Results(texts, gaps)


def _text(result: dict[str, Any]) -> str:
    content = result["content"]
    return content if isinstance(content, str) else "\n".join(block["text"] for block in content)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeCodeHarness:
    return ClaudeCodeHarness(tmp_path)


@dataclass(frozen=True)
class Plain:
    """A session without the hook, to compare others with."""

    claude: ClaudeCodeHarness
    calls: list[ToolUse]
    binary: Path | None
    results: Results


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    claude = ClaudeCodeHarness(tmp_path_factory.mktemp("usual"))
    calls = claude.large_results()
    return Plain(claude, calls, None, claude.run(calls, hook=False))


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    binary = older_claude("0.2.95")  # Claude Code 2.1.170
    claude = ClaudeCodeHarness(tmp_path_factory.mktemp("older"))
    calls = claude.large_results()
    return Plain(claude, calls, binary, claude.run(calls, hook=False, binary=binary))


@contextmanager
def hub_of_hook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubProcess]:
    """Run a hub that the hook's entry names."""
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(folder))
    with start_hub(folder) as hub:
        yield hub


def read(path: Path, **arguments: int) -> ToolUse:
    return ToolUse("Read", {"file_path": str(path), **arguments})


def bash(command: str) -> ToolUse:
    return ToolUse("Bash", {"command": command})


def test_large_results_reach_claude_as_digests_with_their_facts(
    claude: ClaudeCodeHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_of_hook(tmp_path / "hub", monkeypatch):
        texts = claude.run(claude.large_results()).texts
    assert all(len(text) <= MOST_CHARACTERS for text in texts), [len(text) for text in texts]
    for text, facts in zip(
        texts,
        (
            ["6 failed, 1707 passed", "CarrierDown", "tests/conftest.py:10", "token-saver digest kept:"],
            ["830", "broken", "token-saver digest kept:"],
            ["disk /dev/sdb is full", "3,000", "token-saver digest kept:"],
        ),
        strict=True,
    ):
        assert [fact for fact in facts if fact not in text] == [], text


def test_what_claude_chose_or_may_edit_passes_byte_for_byte(
    claude: ClaudeCodeHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [
        read(claude.project / "module.py"),
        bash("grep -n INFO service.log"),
        bash("python3 run_tests.py && exit 3"),
        bash("echo small"),
        read(claude.project / "service.log", offset=10, limit=1_500),
        bash("tail -n 1500 service.log"),
        bash("cat module.py"),
    ]
    plain = claude.run(calls, hook=False).texts
    with hub_of_hook(tmp_path / "hub", monkeypatch):
        hooked = claude.run(calls).texts
    assert len(plain) == len(calls)
    assert [_comparable(text) for text in hooked] == [_comparable(text) for text in plain]


def _comparable(text: str) -> str:
    """Return a result without the name of the file that the client kept, which is new in each session."""
    return "\n".join(line for line in text.splitlines() if "Full output saved to" not in line)


@contextmanager
def no_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(folder))
    yield


@contextmanager
def dead_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with hub_of_hook(folder, monkeypatch) as hub:
        hub.process.kill()
        hub.process.wait()
        assert (folder / "hub.json").exists(), "it still names the dead hub"
        yield


@contextmanager
def stopped_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with hub_of_hook(folder, monkeypatch) as hub:
        os.kill(hub.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(hub.process.pid, signal.SIGCONT)


@contextmanager
def late_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(folder))
    output = {"hookEventName": "PostToolUse", "updatedToolOutput": {"stdout": "too late"}}
    answer = json.dumps({"hookSpecificOutput": output}).encode()
    with hub_standin(folder, answer, seconds=4 * MOST_DELAY) as asked:
        yield
    assert asked, "the hook has asked it"


@contextmanager
def deleted_app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("server.clients.hooks._PACKAGES", folder / "gone")
    yield


@contextmanager
def deleted_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "executable", str(folder / "gone" / "bin" / "python"))
    yield


@pytest.mark.parametrize(
    "trouble",
    [no_hub, dead_hub, stopped_hub, late_hub, deleted_app, deleted_python],
    ids=lambda each: each.__name__.replace("_", "-"),
)
def test_every_result_passes_in_time_whatever_is_wrong(
    trouble: Trouble, usual: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trouble(tmp_path / "hub", monkeypatch):
        _passes_in_time(usual)


@pytest.mark.parametrize(
    "trouble", [stopped_hub, deleted_app], ids=lambda each: each.__name__.replace("_", "-")
)
def test_results_pass_in_time_in_an_older_version(
    trouble: Trouble, older: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trouble(tmp_path / "hub", monkeypatch):
        _passes_in_time(older)


def _passes_in_time(plain: Plain) -> None:
    claude, without = plain.claude, plain.results
    assert len(without.texts) == len(plain.calls)
    # The hook's own delay recurs in each run and turn, that of a busy machine does not.
    fastest = [float("inf")] * len(without.gaps)
    for _ in range(RUNS):
        hooked = claude.run(plain.calls, binary=plain.binary)
        assert [_comparable(text) for text in hooked.texts] == [_comparable(text) for text in without.texts]
        fastest = [min(gaps) for gaps in zip(fastest, hooked.gaps, strict=True)]
        if max(fastest) < without.longest + MOST_DELAY:
            return
        without = claude.run(plain.calls, hook=False, binary=plain.binary)
    pytest.fail(f"a turn was held up: {max(fastest):.1f} s, {without.longest:.1f} s without the hook")


def test_an_older_version_heeds_the_hook(
    claude: ClaudeCodeHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = older_claude("0.2.95")  # Claude Code 2.1.170
    calls = claude.large_results()
    with hub_of_hook(tmp_path / "hub", monkeypatch):
        texts = claude.run(calls, binary=older).texts
    # A digest that takes too long on a busy machine passes; it is never cut or mixed.
    digests = [text for text in texts if "token-saver digest kept:" in text]
    assert digests
    assert all(len(text) <= MOST_CHARACTERS for text in digests)


def test_a_version_that_ignores_the_hook_gets_everything_and_connect_says_so(
    claude: ClaudeCodeHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = older_claude("0.1.18")  # Claude Code 2.0.72
    calls = [bash("head -c 20000 run.txt"), bash("python3 run_tests.py")]
    plain = claude.run(calls, hook=False, binary=older).texts
    with hub_of_hook(tmp_path / "hub", monkeypatch):
        assert claude.run(calls, binary=older).texts == plain
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "claude").symlink_to(older)
    path = os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"]))
    environ = {**shut_off(claude.home), "PATH": path, "CLAUDE_CONFIG_DIR": str(claude.home / "config")}
    before = (claude.home / "config" / "settings.json").read_bytes()
    done = run_command(claude.home, "connect", "claude-code", "--digest", **environ)
    assert done.returncode == 1
    assert "Claude Code 2.0.72 ignores --digest; it needs 2.1.121 or newer." in done.stderr
    assert (claude.home / "config" / "settings.json").read_bytes() == before
