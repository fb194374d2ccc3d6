"""Tests of ``token-saver commit`` in prepared repositories: the right commit with the right message."""

from collections.abc import Callable

import pytest

from tests.commands.commit.repo import Engine, Repo, edit, in_a_submodule


def feature(repo: Repo) -> None:
    repo.write("src/parser.py", "def parse_line(text: str) -> str:\n    return text.strip()\n")
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


def test_a_hook_that_fails_after_the_commit_undoes_nothing(repo: Repo, engine: Engine) -> None:
    repo.hook("post-commit", "git checkout -q --detach")
    edit(repo)
    engine.say("Write zero")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.git("status", "--porcelain") == ""
