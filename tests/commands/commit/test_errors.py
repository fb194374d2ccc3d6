"""Tests of ``token-saver commit`` where it must not commit: one clear error, and nothing has changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.commit.repo import SECRET, Engine, Repo, edit, in_a_submodule, secret_staged
from tests.forks import program


def conflict(repo: Repo) -> None:
    repo.git("switch", "-q", "-c", "other")
    repo.write("base0.txt", "theirs\n")
    repo.git("commit", "-q", "-am", "Theirs")
    repo.git("switch", "-q", "main")
    repo.write("base0.txt", "ours\n")
    repo.git("commit", "-q", "-am", "Ours")
    repo.git("merge", "other", check=False)


def merging(repo: Repo) -> None:
    conflict(repo)
    repo.git("checkout", "--ours", "base0.txt")
    repo.git("add", "-A")


def failing_hook(repo: Repo) -> None:
    repo.hook("pre-commit", "echo 'lint: 3 errors' >&2; exit 1")
    repo.write("base0.txt", "zero\n")


def refusing_message_hook(repo: Repo) -> None:
    repo.hook("commit-msg", "echo 'no ticket in the message' >&2; exit 1")
    repo.write("base0.txt", "zero\n")


def detached(repo: Repo) -> None:
    edit(repo)
    repo.git("checkout", "-q", "--detach")


def signing_fails(repo: Repo) -> None:
    repo.git("config", "commit.gpgsign", "true")
    repo.git("config", "gpg.program", "false")
    edit(repo)


def secret(repo: Repo) -> None:
    repo.write("base0.txt", f"token = {SECRET}\n")


def ignored(repo: Repo) -> None:
    repo.write(".gitignore", "build/\n")
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "Ignore builds")
    repo.write("build/a.txt", "1\n")


def submodule_dirty(repo: Repo) -> None:
    in_a_submodule(repo)
    repo.git("commit", "-q", "-m", "Add vendor")
    repo.write("vendor/base0.txt", "changed\n")


BAD: dict[str, tuple[Callable[[Repo], None], tuple[str, ...], str]] = {
    "nothing-staged": (lambda repo: repo.write("base0.txt", "x\n"), (), "No files are staged"),
    "no-changes": (lambda repo: None, ("base0.txt",), "no changes"),
    "everything": (lambda repo: repo.write("base0.txt", "x\n"), (".",), "whole repository"),
    "unknown-path": (lambda repo: None, ("gone.txt",), "gone.txt"),
    "staged-and-paths": (edit, ("base1.txt",), "paths were given as well"),
    "conflict": (conflict, (), "unmerged"),
    "merge": (merging, (), "A merge is in progress"),
    "failing-hook": (failing_hook, ("base0.txt",), "lint: 3 errors"),
    "message-hook": (refusing_message_hook, ("base0.txt",), "no ticket in the message"),
    "detached": (detached, (), "detached"),
    "signing": (signing_fails, (), "git commit failed"),
    "secret": (secret, ("base0.txt",), "base0.txt (GitHub Token)"),
    "staged-secret": (secret_staged, (), "base0.txt (GitHub Token)"),
    "ignored": (ignored, ("build/a.txt",), "ignored"),
    "submodule": (submodule_dirty, ("vendor/base0.txt",), "submodule"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_error_is_clear_and_nothing_is_done(name: str, repo: Repo) -> None:
    prepare, paths, words = BAD[name]
    prepare(repo)
    before = repo.state()
    done = repo.commit(*paths)
    assert done.returncode == 1, done.stdout
    assert words in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert repo.state() == before
    assert not (repo.folder / ".git" / "index.lock").exists()


def test_outside_of_a_repository_it_says_so(engine: Engine, tmp_path: Path) -> None:
    environ = {**engine.hub.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    done = program.run("commit", cwd=tmp_path, env=environ)
    assert (done.returncode, "not in a git repository" in done.stderr) == (1, True)
