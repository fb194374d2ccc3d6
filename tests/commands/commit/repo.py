"""A repository to commit in, and a hub whose model gives the message."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.forks import program
from tests.hub_process import HubProcess
from tests.standins.answers import Answers
from tests.standins.ollama import OllamaStandIn

SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repo:
    """A repository with three commits on ``main`` and a clean tree."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.environ = {**environ, **IDENTITY, "HOME": str(folder.parent)}
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        for number, subject in enumerate(("Start the parser", "Handle empty input", "Name the limits")):
            self.write(f"base{number}.txt", f"{number}\n")
            self.git("add", "-A")
            self.git("commit", "-q", "-m", subject)

    def git(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def write(self, name: str, text: str | bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)

    def hook(self, name: str, script: str) -> None:
        path = self.folder / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def retell(self, *subjects: str) -> None:
        """Add commits whose messages set another style."""
        for subject in subjects:
            self.git("commit", "-q", "--allow-empty", "-m", subject)

    def commit(self, *arguments: str, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        return program.run("commit", *arguments, cwd=self.folder, env=self.environ, seconds=seconds)

    def state(self) -> tuple[str, str]:
        """Return the last commit and everything that git sees of the index and the tree."""
        return self.git("rev-parse", "HEAD"), self.git("status", "--porcelain=v2") + self.git(
            "ls-files", "-s"
        )


@dataclass(frozen=True)
class Engine:
    """The hub and the answers of its model."""

    hub: HubProcess
    ollama: OllamaStandIn

    def say(self, message: str) -> None:
        self.ollama.answers = Answers()
        self.ollama.answers.when("git commit message", message)

    def tasks(self) -> int:
        """Requests for an answer so far; the hub also asks for the engine's state."""
        return sum(each.path == "/api/chat" for each in self.ollama.requests)


def edit(repo: Repo) -> None:
    repo.write("base0.txt", "zero\n")
    repo.git("add", "-A")


def in_a_submodule(repo: Repo) -> None:
    other = Repo(repo.folder.parent / "other", repo.environ)
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "vendor")


def secret_staged(repo: Repo) -> None:
    repo.write("base0.txt", f"token = {SECRET}\n")
    repo.git("add", "-A")
