"""Tests of the README as a new user follows it: an empty home, a fresh checkout, its exact commands.

Downloads come from the tester's uv cache; with ``TOKEN_SAVER_TEST_EMPTY_CACHE=1`` they come from the network,
as for a new user.
"""

import http.client
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.bridge.discovery import START_SECONDS, find_running, state_folder, wait_for_hub
from tests.e2e.test_offload import FENCED
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn
from tests.standins.serving import wait_until
from tests.system import require

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PINS: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"].get(
    "constraint-dependencies", []
)
COMMAND = re.compile(r"(?:pip|pipx|uv|token-saver|claude) \S+ ?")
SECONDS = 240
NOT_RUN = {
    "pip install uv && uv run pytest": "it would run this test again",
    "pipx install .": "named beside `uv tool install .`; tests/packaging/test_wheel.py installs the wheel",
    "token-saver --install-completion": "it asks which shell runs it; completion is tested without",
    "claude plugin marketplace add .": "tests/packaging/test_plugin.py",
    "claude plugin install token-saver@claude-token-saver": "tests/packaging/test_plugin.py as well",
    "token-saver update": "tests/packaging/test_update.py",
    "token-saver-mcp": "a name, not a command to type",
}
START = "pip install uv && uv run token-saver"
BUILD_LOG = (
    "".join(f"[{number}/400] cc -c part{number}.c\n" for number in range(400))
    + "ld: main.o: undefined reference to `berth_fee'\nmake: *** [all] Error 1\n"
)
TEST_FILE = (
    "import unittest\n\n\n"
    "class T(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(1, 1)\n"
)
DOCSTRINGS = 'def f():\n    """Return one."""\n    return 1\n'


def commands() -> list[str]:
    """Every command of the README: lines of code blocks, and code in its text."""
    blocks = [
        line.strip().partition("  #")[0].strip() for line in README.splitlines() if line.startswith("    ")
    ]
    spans = re.findall(r"`([^`\n]+)`", README)
    found = [text for text in [*blocks, *spans] if COMMAND.match(text)]
    return [text for text in dict.fromkeys(found) if "tests.bench" not in text]


@dataclass(frozen=True)
class User:
    """A user with an empty home, Python, and a checkout."""

    home: Path
    checkout: Path
    environ: dict[str, str]

    def types(self, command: str, folder: Path | None = None) -> str:
        """Run one line of the README in a shell, and return its output."""
        done = subprocess.run(
            command,
            shell=True,
            env=self.environ,
            cwd=folder or self.checkout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        # Status 4: the doctor's only warning is the missing desktop.
        allowed = (0, 4) if command.endswith("doctor") else (0,)
        assert done.returncode in allowed, (command, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def user(tmp_path: Path, ollama_standin: OllamaStandIn) -> User:
    require("uv", "git")
    home, checkout = tmp_path / "home", tmp_path / "claude-token-saver"
    (home / ".claude").mkdir(parents=True)
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    for name in tracked.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, checkout / name)
    subprocess.run(
        ["uv", "venv", "--quiet", "--seed", "--python", sys.executable, tmp_path / "python"], check=True
    )
    network = {
        key: value for key, value in os.environ.items() if key.endswith(("_PROXY", "_CERT_FILE", "_CERT"))
    }
    path = [tmp_path / "python" / "bin", home / ".local" / "bin", "/usr/local/bin", "/usr/bin", "/bin"]
    environ = {
        **network,
        "HOME": str(home),
        "PATH": os.pathsep.join(map(str, path)),
        "TOKEN_SAVER_PORT": "0",
        # An available engine; the embedded one is tested elsewhere with real models.
        "OLLAMA_HOST": ollama_standin.url,
    }
    # `uv tool install` resolves again; `uv run` reads the pins from the checkout.
    pins = tmp_path / "pins.txt"
    pins.write_text("\n".join(PINS), encoding="utf-8")
    environ["UV_CONSTRAINT"] = str(pins)
    if os.environ.get("TOKEN_SAVER_TEST_EMPTY_CACHE") != "1":
        cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, encoding="utf-8", check=True)
        environ["UV_CACHE_DIR"] = cache.stdout.strip()
    return User(home, checkout, environ)


@contextmanager
def started(user: User) -> Iterator[Path]:
    """Run the first line of the README; yield the file with its output once the app is running."""
    output = user.home.parent / "output.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            START,
            shell=True,
            env=user.environ,
            cwd=user.checkout,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    folder = state_folder(user.environ)
    try:
        hub = wait_for_hub(folder, process, SECONDS)
        assert hub is not None, output.read_text()
        yield output
    finally:
        if (hub := find_running(folder)) is not None:
            os.kill(hub.pid, 15)
        process.wait(START_SECONDS)


def test_every_command_of_the_readme_is_run_or_excluded_with_a_reason() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for command in commands():
        assert command in NOT_RUN or source.count(command) > 0, f"nobody tries: {command}"
    assert NOT_RUN.keys() <= set(commands()) | {"token-saver-mcp"}


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are typed into a POSIX shell")
def test_a_new_user_follows_the_readme(user: User, ollama_standin: OllamaStandIn) -> None:
    ollama_standin.answers.default = Answer(DOCSTRINGS)
    ollama_standin.answers.when("slugify", FENCED)
    ollama_standin.answers.when("add(a, b)", Answer("def add(a, b):\n    return a + b\n"))
    project = user.home / "my project"
    (project / "src" / "deep").mkdir(parents=True)
    for name in ("a.py", "deep/b.py"):
        (project / "src" / name).write_text("def f():\n    return 1\n")
    (project / ".git").mkdir()

    with started(user) as output:
        second = user.types("uv run --no-dev token-saver")
        link = re.search(r"http://127\.0\.0\.1:(\d+)(/login\?code=\S+)", second)
        assert link is not None, second
        assert _status(int(link[1]), link[2]) in (200, 302, 303)
        wait_until(lambda: "token-saver connect claude-code" in output.read_text())
        lines = output.read_text()
        assert "Dashboard    http://127.0.0.1:" in lines
        assert re.search(r"Engine +Ollama", lines), lines
        assert "`uv run token-saver dashboard`" in lines

        assert "+" in user.types("uv run token-saver connect claude-code --dry-run")
        assert not (user.home / ".claude.json").exists()
        assert "It works" in user.types("uv run token-saver connect claude-code")

        user.types("uv tool install .")
        told = user.types("token-saver connect claude-code --claude-md --hook")
        assert "It works" in told
        assert str(user.home / ".local") in (user.home / ".claude.json").read_text()
        assert "token-saver" in (user.home / ".claude" / "CLAUDE.md").read_text()
        assert "ERROR" not in user.types("token-saver doctor")

        digest = user.types(
            '''token-saver offload "Write a Python function slugify(text) that lowercases the text, replaces every run of characters that are not a-z or 0-9 by one hyphen, and strips hyphens at both ends." --output slug.py -e "slugify('Hello, World!') == 'hello-world'" -e "slugify('A  b') == 'a-b'"''',  # noqa: E501 - a command
            project,
        )
        assert "def slugify" in (project / "slug.py").read_text()
        batch = user.types(
            'token-saver batch "Add docstrings" --each "src/**/*.py" --output "{path}"', project
        )
        job = re.search(r"`token-saver (?:jobs wait|undo) (j\w+)`", batch)
        assert job is not None, batch
        user.types(f"token-saver jobs wait {job[1]}", project)
        assert '"""Return one."""' in (project / "src" / "deep" / "b.py").read_text()
        assert job[1] in user.types("token-saver jobs", project)
        offload = re.search(r"\b[0-9a-f]{8}\b", digest)
        assert offload is not None, digest
        assert offload[0] in user.types("token-saver history", project)
        user.types("token-saver undo ID".replace("ID", offload[0]), project)
        assert not (project / "slug.py").exists()

        (project / "build.log").write_text(BUILD_LOG)
        assert "undefined reference to `berth_fee'" in user.types(
            "token-saver digest build.log --focus linker", project
        )
        (project / "test_one.py").write_text(TEST_FILE)
        assert "1" in user.types("token-saver run -- python -m unittest", project)
        assert str(user.home) in user.types("token-saver logs")
        user.types("token-saver savings --audit on")
        assert "sessions" in user.types("token-saver context")
        weights = project / "own.gguf"
        weights.write_bytes(b"GGUF")
        user.types("token-saver config set embedded.model PATH".replace("PATH", f"'{weights}'"))
        assert str(weights) in user.types("token-saver config get embedded.model")

        user.types("token-saver disconnect claude-code")
        assert not (user.home / ".claude" / "CLAUDE.md").exists()
        assert not (user.home / ".claude" / "settings.json").exists()
        assert Path(state_folder(user.environ), "token").exists()
        user.types("token-saver uninstall --history --weights --settings")
        assert not Path(state_folder(user.environ), "token").exists()
        user.types("uv tool uninstall claude-token-saver-app")
    assert user.types("uv run python packaging/build_mcpb.py").strip().endswith(".mcpb")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
