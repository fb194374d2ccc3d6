"""Commands that the app puts into clients run nothing of the folder that a client starts them in."""

import gzip
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.bridge.discovery import find_running
from server.clients.bridge_command import bridge_command
from server.clients.claude_code import find_command
from server.clients.hooks import hook_entries
from server.clients.statusline import add_statusline
from server.common.processes import find_program
from server.reminder.__main__ import LARGE_READ, LARGE_WRITE
from tests.bridge_client import RawClient
from tests.hub_process import HubProcess, end_hub, hub_environ
from tests.standins.claude_code import claude_binary, run_claude_code, shut_off
from tests.standins.messages import MessagesStandIn, Text, ToolUse

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ("python", "python3", "git", "uv", "claude", "sysctl", "token-saver", "token-saver-mcp")
MODULES = ("json", "sitecustomize", "usercustomize", "server", "tray", "dashboard")
RELATIVE = os.pathsep.join(("", ".", "bin", "./.venv/bin"))
"""Entries of PATH and PYTHONPATH that mean the working directory or a folder in it."""

SAMPLE = ROOT / "tests" / "digests" / "samples" / "pytest-verbose" / "output.txt.gz"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the hostile programs are shell scripts")


class HostileFolder:
    """A project that starts ``trap`` wherever a tool takes a program, an interpreter or a module from it."""

    def __init__(self, path: Path, trap: Path) -> None:
        self.path = path
        self.trap = trap
        script = f'#!/bin/sh\necho "$0" >> {shlex.quote(str(trap))}\nexit 1\n'
        module = f"with open({str(trap)!r}, 'a') as trap:\n    trap.write(__file__ + chr(10))\n"
        for place in (".", "bin", ".venv/bin"):
            for name in PROGRAMS:
                self._write(f"{place}/{name}", script).chmod(0o755)
        for name in MODULES:
            single = name in ("json", "sitecustomize", "usercustomize")
            self._write(f"{name}.py" if single else f"{name}/__init__.py", module)
        self._write("evil.sh", script).chmod(0o755)
        self._write(".venv/pyvenv.cfg", "home = /usr/bin\nversion_info = 3.11.7\n")
        self._write(".venv/lib/python3.11/site-packages/evil.pth", f"import os; {module!r}\n")
        self._write(".python-version", "./evil.sh\n")
        self._write("uv.toml", 'python-preference = "system"\n[pip]\npython = "./evil.sh"\n')
        table = '[project]\nname = "x"\nversion = "1"\n[tool.uv]\npython-preference = "system"\n'
        self._write("pyproject.toml", table)

    @property
    def ran(self) -> str:
        """Name what ran."""
        return self.trap.read_text() if self.trap.exists() else ""

    def _write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@pytest.fixture
def hostile(tmp_path: Path) -> HostileFolder:
    return HostileFolder(tmp_path / "project", tmp_path / "trap")


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> str:
    """The PATH of a user whose first ``uv`` is the program itself: pyenv's stands in a shell script."""
    own = str(Path(real_uv()).parent)
    monkeypatch.setenv("PATH", os.pathsep.join((own, os.environ["PATH"])))
    return os.environ["PATH"]


def real_uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    assert found
    return found


def plugin_command(file: Path, *keys: str | int) -> list[str]:
    """Return the command of a plugin's or the bundle's file, as a client starts it."""
    entry = json.loads(file.read_text(encoding="utf-8"))
    for key in keys:
        entry = entry[key]
    assert entry["command"] == "uv", "a client's own PATH finds it"
    own = next((each for each in ("reminder", "digest_hook") if each in str(file)), None)
    # The plugin of the digest hook is a copy of the folder above.
    root = str(ROOT / "server" / ("" if own == "digest_hook" else own) if own else ROOT)
    arguments = [
        value.replace("${CLAUDE_PLUGIN_ROOT}", root).replace("${__dirname}", root) for value in entry["args"]
    ]
    return [real_uv(), *arguments]


def hook_command() -> list[str]:
    [(_, entry)] = hook_entries("hook")
    [hook] = entry["hooks"]
    return [hook["command"], *hook["args"]]


HOOKS = {
    "hook that connect adds": hook_command,
    "hook of the reminder plugin": lambda: plugin_command(
        ROOT / "server/reminder/hooks/hooks.json", "hooks", "PreToolUse", 0, "hooks", 0
    ),
}


def digest_command() -> list[str]:
    [(_, entry), _] = hook_entries("digest")
    [hook] = entry["hooks"]
    return [hook["command"], *hook["args"]]


DIGEST_HOOKS = {
    "digest hook that connect adds": digest_command,
    "digest hook of the plugin": lambda: plugin_command(
        ROOT / "server/digest_hook/hooks.json", "hooks", "PostToolUse", 0, "hooks", 0
    ),
    "status line": lambda: ["/bin/sh", "-c", json.loads(add_statusline("{}"))["statusLine"]["command"]],
}
BRIDGES = {
    "entry that connect adds": bridge_command,
    "plugin": lambda: plugin_command(ROOT / ".claude-plugin/plugin.json", "mcpServers", "token-saver"),
    "bundle": lambda: plugin_command(ROOT / "packaging/manifest.json", "server", "mcp_config"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_runs_nothing_of_the_project(name: str, hostile: HostileFolder, path: str) -> None:
    event = {"tool_name": "Write", "tool_input": {"file_path": "a", "content": "x" * LARGE_WRITE}}
    done = subprocess.run(
        HOOKS[name](),
        input=json.dumps(event).encode(),
        cwd=hostile.path,
        env={
            "PATH": f"{RELATIVE}{os.pathsep}{path}",
            "PYTHONPATH": RELATIVE,
            "HOME": str(hostile.trap.parent),
        },
        capture_output=True,
        check=False,
    )
    assert hostile.ran == ""
    assert b"offload_work" in done.stdout, done.stderr


@pytest.mark.parametrize("name", DIGEST_HOOKS)
def test_a_digest_hook_and_the_status_line_run_nothing_of_the_project(
    name: str, hostile: HostileFolder, path: str, hub: HubProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(hub.home))
    text = gzip.decompress(SAMPLE.read_bytes()).decode()[-25_000:]
    event = {
        "tool_name": "Bash",
        "tool_use_id": "t",
        "transcript_path": str(hostile.path / "session.jsonl"),
        "cwd": str(hostile.path),
        "tool_input": {"command": "cat app.log"},
        "tool_response": {"stdout": text, "stderr": "", "interrupted": False, "isImage": False},
    }
    (hostile.path / "app.log").write_text(text)
    environ = {
        "PATH": f"{RELATIVE}{os.pathsep}{path}",
        "PYTHONPATH": RELATIVE,
        "HOME": str(hostile.trap.parent),
        "TOKEN_SAVER_HOME": str(hub.home),
        "CLAUDE_PROJECT_DIR": str(hostile.path),
    }
    # On a busy machine a digest takes too long now and then, and the result passes.
    for attempt in range(20):
        done = subprocess.run(
            DIGEST_HOOKS[name](),
            input=json.dumps({**event, "session_id": f"{name} {attempt}"}).encode(),
            cwd=hostile.path,
            env=environ,
            capture_output=True,
            check=False,
        )
        assert hostile.ran == ""
        if done.stdout:
            break
    assert (b"token-saver: " if name == "status line" else b"updatedToolOutput") in done.stdout, done.stderr


@pytest.mark.parametrize("name", BRIDGES)
def test_a_bridge_and_the_hub_that_it_starts_run_nothing_of_the_project(
    name: str, hostile: HostileFolder, path: str, home: Path
) -> None:
    environ = {
        **hub_environ(home),
        "PATH": f"{RELATIVE}{os.pathsep}{path}",
        "PYTHONPATH": RELATIVE,
        # The environment that this test itself runs in is neither installed anew nor stripped.
        "UV_NO_SYNC": "1",
    }
    with RawClient(environ, hostile.path, BRIDGES[name]()) as client:
        assert "result" in client.initialize()
        assert client.request("tools/list")["result"]["tools"]
    assert find_running(str(home)) is not None
    assert hostile.ran == ""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    end_hub(tmp_path / "home")


def test_a_program_is_looked_for_in_absolute_folders_alone(
    hostile: HostileFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(hostile.path)
    monkeypatch.setenv("PATH", RELATIVE)
    assert find_command() is None
    assert find_program("sysctl") is None
    own = tmp_path / "own" / "claude"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{RELATIVE}{os.pathsep}{own.parent}")
    assert find_command() is None, "it cannot be run"
    own.chmod(0o755)
    assert find_command() == str(own)


@pytest.mark.usefixtures("path")
def test_claude_code_runs_nothing_of_the_project_when_it_reads_a_file(
    hostile: HostileFolder, tmp_path: Path
) -> None:
    checkout = tmp_path / "marketplace"
    for name in (".claude-plugin", "skills", "server/reminder"):
        shutil.copytree(ROOT / name, checkout / name)
    home = tmp_path / "claude"
    home.mkdir()
    for arguments in (
        ("marketplace", "add", str(checkout)),
        ("install", "token-saver-reminder@claude-token-saver"),
    ):
        subprocess.run(
            [claude_binary(), "plugin", *arguments], env=shut_off(home), check=True, capture_output=True
        )
    readme = hostile.path / "README.md"
    readme.write_text("A project like any other.\n" * (LARGE_READ // 20))
    script = [[ToolUse("Read", {"file_path": str(readme)})], [Text("Read.")]]
    with MessagesStandIn(script) as api:
        run_claude_code("Read it.", api.url, home=home, project=hostile.path, servers={})
    assert "compress_context(files, focus)" in json.dumps(api.requests), "the hook was run"
    assert hostile.ran == ""
