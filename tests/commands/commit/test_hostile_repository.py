"""Tests of ``token-saver commit`` in repositories with traps, hidden secrets and odd names."""

import os
from collections.abc import Callable

import pytest

from server.commands.commit.repository import Repository
from tests.commands.commit.repo import SECRET, Engine, Repo, edit, secret_staged
from tests.forks import program


def test_questions_to_git_run_nothing_that_the_repository_names(repo: Repo) -> None:
    """Hooks and filters run for the commit itself, as with git; no question runs anything."""
    repo.git("commit", "-q", "--allow-empty", "-m", "Start")
    trap = repo.folder.parent / "trap"
    script = repo.folder.parent / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$@" >> "{trap}"\ncat\n')
    script.chmod(0o755)
    repo.write("base0.txt", "zero\n")
    repo.git("add", "-A")
    repo.write(".git/info/attributes", "* diff=evil\n")
    for key in ("core.fsmonitor", "core.pager", "pager.log", "pager.diff", "gpg.program", "diff.external"):
        repo.git("config", key, str(script))
    for key in ("diff.evil.textconv", "diff.evil.command"):
        repo.git("config", key, str(script))
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "diff.relative", "true")
    repo.hook("post-index-change", f"touch {trap}")
    repository = Repository(repo.folder)
    assert repository.require_ready() == "main"
    assert repository.has_staged()
    [file] = repository.staged()
    assert (file.path, "+zero" in file.patch) == ("base0.txt", True)
    assert repository.messages(1) == ["Start"]
    assert repository.last_commit()
    assert not trap.exists(), trap.read_text()


def test_files_that_form_a_repository_are_none(repo: Repo) -> None:
    """A clone can bring a bare repository as plain files, with a configuration that names programs."""
    trap = repo.folder.parent / "trap"
    bare = repo.folder / "docs"
    repo.git("init", "-q", "--bare", "docs")
    (bare / "config").write_text(
        f'[core]\nbare = false\nworktree = {repo.folder}\nfsmonitor = "touch {trap};:"\n'
    )
    done = program.run("commit", "HEAD", cwd=bare, env=repo.environ)
    assert done.returncode == 1, done.stdout
    assert not trap.exists()


def test_gits_own_program_is_not_taken_from_the_project(repo: Repo, engine: Engine) -> None:
    edit(repo)
    trap = repo.folder.parent / "trap"
    repo.write("git", f"#!/bin/sh\ntouch {trap}\nexit 1\n")
    (repo.folder / "git").chmod(0o755)
    repo.environ["PATH"] = f".:{repo.environ['PATH']}"
    engine.say("Write zero")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert not trap.exists()


def hidden_by_an_attribute(repo: Repo) -> None:
    repo.write(".gitattributes", "*.txt -diff\n")
    secret_staged(repo)


def after_a_changed_type(repo: Repo) -> None:
    """Git prints two patches for a file that became a link."""
    (repo.folder / "base0.txt").unlink()
    (repo.folder / "base0.txt").symlink_to("base1.txt")
    repo.write("base1.txt", f"token = {SECRET}\n")
    repo.git("add", "-A")


def in_another_folder(repo: Repo) -> None:
    repo.git("config", "diff.relative", "true")
    repo.write("sub/a.txt", "1\n")
    secret_staged(repo)


def behind_much_text(repo: Repo) -> None:
    repo.write("aaa.txt", "word\n" * 500_000)
    secret_staged(repo)


def in_an_odd_name(repo: Repo) -> None:
    name = os.fsdecode(b"caf\xe9\x1b]0;x\n.txt")
    repo.write(name, f"token = {SECRET}\n")
    repo.git("add", "-A")


HIDDEN: dict[str, tuple[Callable[[Repo], None], str]] = {
    "attribute": (hidden_by_an_attribute, "base0.txt (GitHub Token)"),
    "changed-type": (after_a_changed_type, "base1.txt (GitHub Token)"),
    "other-folder": (in_another_folder, "base0.txt (GitHub Token)"),
    "much-text": (behind_much_text, "base0.txt (GitHub Token)"),
    "odd-name": (in_an_odd_name, "(GitHub Token)"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_secret_is_found_wherever_it_is(name: str, repo: Repo) -> None:
    prepare, words = HIDDEN[name]
    prepare(repo)
    folder = repo.folder / "sub" if name == "other-folder" else repo.folder
    done = program.run("commit", "--message", "Change it", cwd=folder, env=repo.environ)
    assert done.returncode == 1, done.stdout
    assert words in done.stderr
    assert "\x1b" not in done.stderr


def test_control_characters_reach_no_message(repo: Repo, engine: Engine) -> None:
    repo.write(os.fsdecode(b"caf\xe9\x1b]0;x\n\nSigned-off-by.txt"), "1\n")
    repo.git("add", "-A")
    engine.say("Write \x1b]0;owned\x07zero")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    message = repo.git("log", "-1", "--format=%B")
    assert message.startswith("Add caf\ufffd")
    assert "\x1b" not in message
    assert len(message.strip().splitlines()) == 1
