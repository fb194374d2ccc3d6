"""Tests of ``token-saver commit`` in prepared repositories: the right commit, or an error."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.commands.commit.repository import Repository
from tests.hub_process import HubProcess, start_hub
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
        return subprocess.run(
            [sys.executable, "-P", "-m", "tray.main", "commit", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

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


# A hub of its own for each test: the default policy allows 30 tasks a minute.
@pytest.fixture
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp("hub")
    with OllamaStandIn() as ollama, start_hub(home, TOKEN_SAVER_BACKEND__URL=ollama.url) as hub:
        yield Engine(hub, ollama)


@pytest.fixture
def engine(running: Engine) -> Engine:
    running.say("Change something")
    return running


@pytest.fixture
def repo(engine: Engine, tmp_path: Path) -> Repo:
    return Repo(tmp_path / "project", engine.hub.environ)


def feature(repo: Repo) -> None:
    repo.write("src/parser.py", "def parse_line(text: str) -> str:\n    return text.strip()\n")
    repo.git("add", "-A")


def edit(repo: Repo) -> None:
    repo.write("base0.txt", "zero\n")
    repo.git("add", "-A")


def rename(repo: Repo) -> None:
    repo.write("long.txt", "".join(f"line {n}\n" for n in range(50)))
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "Add a long text")
    repo.git("mv", "long.txt", "longer.txt")


def binary(repo: Repo) -> None:
    repo.write("logo.png", b"\x89PNG\0" + bytes(range(256)))
    repo.git("add", "-A")


def five_hundred(repo: Repo) -> None:
    for number in range(500):
        repo.write(f"data/part{number}.txt", f"{number}\n")
    repo.git("add", "-A")


def deletion(repo: Repo) -> None:
    repo.git("rm", "-q", "base1.txt")


def partly_staged(repo: Repo) -> None:
    repo.write("base0.txt", "staged\n")
    repo.git("add", "-A")
    repo.write("base0.txt", "not staged\n")


def mode(repo: Repo) -> None:
    repo.git("update-index", "--chmod=+x", "base0.txt")


def passing_hook(repo: Repo) -> None:
    repo.hook("pre-commit", "exit 0")
    edit(repo)


def hook_changes_the_message(repo: Repo) -> None:
    repo.hook("commit-msg", "printf '\\nSigned-off-by: A\\n' >> $1")
    edit(repo)


def odd_names(repo: Repo) -> None:
    repo.write("größe und maß.txt", "1\n")
    repo.write('quote".txt', "1\n")
    repo.git("add", "-A")


def in_a_submodule(repo: Repo) -> None:
    other = Repo(repo.folder.parent / "other", repo.environ)
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.folder), "vendor")


def new_branch(repo: Repo) -> None:
    repo.git("switch", "-q", "-c", "feature/one")
    edit(repo)


def first_commit(repo: Repo) -> None:
    repo.git("switch", "-q", "--orphan", "fresh")
    repo.write("first.txt", "1\n")
    repo.git("add", "-A")


GOOD: dict[str, tuple[Callable[[Repo], None], str, str]] = {
    "feature": (feature, "Add parse_line", "Add parse_line"),
    "edit": (edit, "Write zero in words", "Write zero in words"),
    "rename": (rename, "Rename long.txt to longer.txt", "Rename long.txt to longer.txt"),
    "binary": (binary, "Add logo.png", "Add logo.png"),
    "500-files": (five_hundred, "Add 500 parts", "Add 500 parts"),
    "deletion": (deletion, "Remove base1.txt", "Remove base1.txt"),
    "partly-staged": (partly_staged, "Stage the text", "Stage the text"),
    "mode": (mode, "Make base0.txt executable", "Make base0.txt executable"),
    "passing-hook": (passing_hook, "Write zero", "Write zero"),
    "message-hook": (hook_changes_the_message, "Write zero", "Write zero"),
    "odd-names": (odd_names, "Add two files", "Add two files"),
    "submodule": (in_a_submodule, "Add the submodule vendor", "Add the submodule vendor"),
    "branch": (new_branch, "Write zero", "Write zero"),
    "first-commit": (first_commit, "Begin", "Begin"),
    "label-and-fence": (edit, "```\nCommit message: Write zero.\n```", "Write zero"),
    # What the model may not say: then the message is made from the file names.
    "foreign-file": (edit, "Update config.yaml", "Update base0.txt"),
    "foreign-name": (edit, "Call parse_header first", "Update base0.txt"),
    "foreign-product": (edit, "Support the Redis cache", "Update base0.txt"),
    "foreign-number": (edit, "Write zero (fixes #123)", "Update base0.txt"),
    "rename-as-addition": (rename, "Add longer.txt", "Rename long.txt to longer.txt"),
    "too-long": (edit, "Write zero " + "very " * 20 + "carefully", "Update base0.txt"),
    "no-answer": (edit, "", "Update base0.txt"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_staged_is_committed(name: str, repo: Repo, engine: Engine) -> None:
    prepare, answer, subject = GOOD[name]
    prepare(repo)
    engine.say(answer)
    staged = repo.git("write-tree")
    unstaged = repo.git("diff")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.git("log", "-1", "--format=%s").strip() == subject
    assert repo.git("log", "-1", "--format=%T") == staged, "what was staged, and nothing else"
    assert repo.git("diff") == unstaged
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(f"] {subject}")
    assert ("message from the file names" in lines[1]) == (subject not in answer)


@pytest.mark.parametrize(
    ("answer", "subject"),
    [
        pytest.param("feat(base0): write zero", "feat(base0): write zero", id="good"),
        pytest.param("Write zero", "chore: update base0.txt", id="no-type"),
        pytest.param("perf: write zero", "chore: update base0.txt", id="unknown-type"),
        pytest.param("fix(server): write zero", "chore: update base0.txt", id="foreign-scope"),
    ],
)
def test_conventional_commits_stay_conventional(
    answer: str, subject: str, repo: Repo, engine: Engine
) -> None:
    repo.retell(*("feat: one", "fix(base0): two", "chore: three", "docs: four") * 3)
    edit(repo)
    engine.say(answer)
    assert repo.commit().returncode == 0
    assert repo.git("log", "-1", "--format=%s").strip() == subject


def test_a_language_with_capitalised_nouns_is_written_as_usual(repo: Repo, engine: Engine) -> None:
    repo.retell(*("Füge Prüfung der Eingabe hinzu", "Entferne die Werte", "Benenne die Grenzen") * 3)
    edit(repo)
    engine.say("Schreibe die Zahl als Wort")
    done = repo.commit()
    assert done.returncode == 0
    subject = repo.git("log", "-1", "--format=%s").strip()
    assert subject == "Schreibe die Zahl als Wort", done.stdout + done.stderr


def test_named_paths_are_committed_and_nothing_else(repo: Repo, engine: Engine) -> None:
    repo.write("base0.txt", "zero\n")
    repo.write("base1.txt", "one\n")
    repo.write("new/file.txt", "new\n")
    (repo.folder / "base2.txt").unlink()
    engine.say("Change three files")
    done = repo.commit("base0.txt", "new", "base2.txt")
    assert done.returncode == 0, done.stderr
    changed = repo.git("show", "--format=", "--name-status", "HEAD").split()
    assert changed == ["M", "base0.txt", "D", "base2.txt", "A", "new/file.txt"]
    assert repo.git("status", "--porcelain") == " M base1.txt\n"


def test_claudes_own_message_needs_no_model(repo: Repo, engine: Engine) -> None:
    edit(repo)
    before = engine.tasks()
    done = repo.commit("--message", "Say it as I want\n\nBecause.")
    assert done.returncode == 0, done.stderr
    assert repo.git("log", "-1", "--format=%B").strip() == "Say it as I want\n\nBecause."
    assert engine.tasks() == before


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


def secret_staged(repo: Repo) -> None:
    secret(repo)
    repo.git("add", "-A")


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
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tray.main", "commit", "HEAD"],
        cwd=bare,
        env=repo.environ,
        capture_output=True,
        text=True,
        check=False,
    )
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
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tray.main", "commit", "--message", "Change it"],
        cwd=folder,
        env=repo.environ,
        capture_output=True,
        text=True,
        check=False,
    )
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


def test_a_hook_that_fails_after_the_commit_undoes_nothing(repo: Repo, engine: Engine) -> None:
    repo.hook("post-commit", "git checkout -q --detach")
    edit(repo)
    engine.say("Write zero")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.git("status", "--porcelain") == ""


def test_outside_of_a_repository_it_says_so(engine: Engine, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tray.main", "commit"],
        cwd=tmp_path,
        env={**engine.hub.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "not in a git repository" in done.stderr) == (1, True)
