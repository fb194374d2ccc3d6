"""Installations of the app for tests of ``token-saver update``, with a history of version 0.1.0."""

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from server.bridge.discovery import find_running
from server.commands.update.environment import copy_of, remove_copy
from tests.packaging.compiled_modules import link_tree

OLD_HISTORY = Path(__file__).parents[1] / "data" / "0.1.0" / "history.db.gz"
OFFLOADS = 18
"""Number of offloads in the history."""


@dataclass(frozen=True)
class Installed:
    """The app in an environment of its own, with a history of version 0.1.0."""

    environment: Path
    command: Path
    home: Path

    def environ(self, index: str = "") -> dict[str, str]:
        """Return the environment of its commands; both installers look for packages only at ``index``."""
        kept = {name: os.environ[name] for name in ("PATH", "UV_CACHE_DIR") if name in os.environ}
        kept["UV_CACHE_DIR"] = kept.get("UV_CACHE_DIR") or uv_cache()
        address = index or "http://127.0.0.1:9"
        return {
            **kept,
            "HOME": str(self.home.parent),
            "TOKEN_SAVER_HOME": str(self.home),
            "TOKEN_SAVER_PORT": "0",
            "TOKEN_SAVER_BACKEND__KIND": "ollama",
            "TOKEN_SAVER_BACKEND__URL": "http://127.0.0.1:9",
            "UV_DEFAULT_INDEX": address,
            "PIP_INDEX_URL": address,
            "NO_PROXY": "127.0.0.1",
        }

    def run(self, *arguments: str | Path, index: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command of the app."""
        return subprocess.run(
            [self.command, *arguments],
            env=self.environ(index),
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=600,
        )

    def version(self) -> str:
        """Return the version that the command prints."""
        return self.run("--version").stdout.removeprefix("token-saver ").strip()

    def offloads(self) -> int:
        """Return the number of offloads in the history, read by the installed version."""
        done = self.run("history", "--limit", "100", "--json")
        assert done.returncode == 0, done.stderr
        return len(json.loads(done.stdout))

    @contextlib.contextmanager
    def hub(self) -> Iterator[None]:
        """Run the hub within the ``with`` block. An update replaces it, so the one at the end is stopped."""
        process = subprocess.Popen([self.command, "serve"], env=self.environ(), cwd=self.home)
        try:
            wait_until(lambda: find_running(str(self.home)) is not None)
            yield
        finally:
            if find_running(str(self.home)) is not None:
                assert self.run("quit").returncode == 0
            process.wait(30)

    def hub_version(self) -> str:
        """Return the version of the running hub; empty if none runs."""
        info = find_running(str(self.home))
        return "" if info is None else info.version

    def is_tidy(self) -> bool:
        """Return whether an update has left nothing beside the environment and in the app's folder."""
        return not copy_of(self.environment).exists() and not list(self.home.glob("update-*"))


@dataclass(frozen=True)
class Original:
    """A new installation that has opened a history of version 0.1.0, and copies of both for each test.

    In the copy of the environment, the modules are compiled.
    """

    environment: Path
    command: Path
    kept: Path

    @classmethod
    def keep(cls, installed: Installed, folder: Path) -> "Original":
        """Open the history, start the hub, and copy what later tests start from."""
        assert installed.offloads() == OFFLOADS
        shutil.copytree(installed.home, folder / "home")
        with installed.hub():
            assert installed.hub_version() == installed.version()
        link_tree(installed.environment, folder / "environment")
        return cls(installed.environment, installed.command, folder)

    def restore(self, folder: Path) -> Installed:
        """Undo what a test did to the environment, and make a new home in a folder."""
        remove_copy(self.environment)
        shutil.rmtree(self.environment)
        link_tree(self.kept / "environment", self.environment)
        home = folder / "home" / "hub"
        shutil.copytree(self.kept / "home", home)
        return Installed(self.environment, self.command, home)


def with_history(environment: Path, command: Path, folder: Path) -> Installed:
    home = folder / "home" / "hub"
    home.mkdir(parents=True)
    (home / "history.db").write_bytes(gzip.decompress(OLD_HISTORY.read_bytes()))
    return Installed(environment, command, home)


def wait_until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def uv_cache() -> str:
    done = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
