"""The git repository of a commit: its state, the staged files, and a copy of the index for restoring it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.common.errors import BadArguments, CommitFailed, NotFound

QUESTION_SECONDS = 60.0
"""Time limit for a git query (seconds)."""
COMMIT_SECONDS = 1_800.0
"""Time limit for the commit and its hooks (seconds)."""
MOST_PATCH = 400_000
"""Characters of the patch that are read."""
_UNDER_WAY = {
    "MERGE_HEAD": "A merge",
    "CHERRY_PICK_HEAD": "A cherry-pick",
    "REVERT_HEAD": "A revert",
    "rebase-merge": "A rebase",
    "rebase-apply": "A rebase",
    "BISECT_LOG": "A bisection",
}


@dataclass(frozen=True)
class StagedFile:
    """A staged file.

    ``status`` is git's letter (A, M, D, R, T). ``before`` is the former path of a renamed file. ``added`` and
    ``removed`` count lines; both are None for a binary file.
    """

    status: str
    path: str
    before: str
    added: int | None
    removed: int | None
    patch: str


@dataclass(frozen=True)
class Made:
    """A finished commit: its abbreviated hash and its branch."""

    sha: str
    branch: str


class Repository:
    """The git repository that contains a folder.

    Raises:
        NotFound: git is missing, or the folder is not in a repository.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        done = self._run("rev-parse", "--show-toplevel")
        if done.returncode or not done.stdout.strip():
            raise NotFound(f"{folder} is not in a git repository.", "Change to the repository's folder.")
        self.root = Path(os.fsdecode(done.stdout.rstrip(b"\n")))

    def require_ready(self) -> str:
        """Return the current branch.

        Raises:
            CommitFailed: the head is detached, files are unmerged, or a merge, rebase or similar operation is
            in progress.
        """
        if self._ask("ls-files", "--unmerged", "-z"):
            raise CommitFailed("Files are unmerged.", "Resolve the conflicts, then commit yourself.")
        for name, what in _UNDER_WAY.items():
            if (self._folder / self._git_path(name)).exists():
                raise CommitFailed(f"{what} is in progress.", "Finish or abort it with git.")
        done = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        if done.returncode:
            raise CommitFailed("HEAD is detached.", "Switch to a branch, or commit with git itself.")
        return done.stdout.decode("utf-8", "replace").strip()

    @contextlib.contextmanager
    def index_restored_on_error(self) -> Iterator[None]:
        """Restore the index if the ``with`` block fails."""
        path = self._folder / self._git_path("index")
        before = path.read_bytes() if path.exists() else None
        try:
            yield
        except BaseException:
            self._restore(path, before)
            raise

    def stage(self, paths: Sequence[str]) -> None:
        """Stage the named paths, including deleted ones.

        Raises:
            BadArguments: git refuses a path, or a path names the whole repository.
        """
        for path in paths:
            if (self._folder / path).resolve() == self.root.resolve():
                raise BadArguments(f"{path} is the whole repository.", "Name the files or folders to commit.")
        done = self._run("--literal-pathspecs", "add", "--all", "--", *paths)
        if done.returncode:
            raise BadArguments(_said(done, "git add"), "Correct the paths, then run the command again.")

    def has_staged(self) -> bool:
        """Return whether any file is staged."""
        return self._run("diff", "--cached", "--quiet", "--no-ext-diff").returncode != 0

    def staged(self) -> list[StagedFile]:
        """Return the staged files with their patches."""
        raw = self._ask("diff", "--cached", "--no-ext-diff", "--find-renames", "--numstat", "-z")
        counts = dict(_counts(raw))
        listed = self._ask("diff", "--cached", "--no-ext-diff", "--find-renames", "--name-status", "-z")
        options = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--unified=2")
        patch = self._ask("diff", "--cached", *options)[: MOST_PATCH * 4].decode("utf-8", "replace")
        patches = [f"diff --git {part}" for part in f"\n{patch}".split("\ndiff --git ")[1:]]
        found = []
        for number, (status, path, before) in enumerate(_names(listed)):
            added, removed = counts.get(path, (None, None))
            own = patches[number] if number < len(patches) else ""
            found.append(StagedFile(status, path, before, added, removed, own))
        return found

    def messages(self, most: int) -> list[str]:
        """Return the messages of the last commits without merges, newest first; none in a new repository."""
        done = self._run("log", f"-{most}", "--no-merges", "--format=%B%x00")
        return [text for each in done.stdout.decode("utf-8", "replace").split("\0") if (text := each.strip())]

    def commit(self, message: str) -> Made:
        """Commit the staged files, with the repository's hooks and signing.

        Raises:
            CommitFailed: a hook, the signing or git itself failed.
        """
        done = self._run("commit", "--quiet", "--file", "-", given=message.encode(), seconds=COMMIT_SECONDS)
        if done.returncode:
            raise CommitFailed(
                _said(done, "git commit"), "Nothing was committed. Fix the cause, then run the command again."
            )
        sha = self._ask("rev-parse", "--short", "HEAD").decode().strip()
        return Made(sha, self._ask("symbolic-ref", "--short", "HEAD").decode("utf-8", "replace").strip())

    def _restore(self, path: Path, before: bytes | None) -> None:
        if before is None:
            path.unlink(missing_ok=True)
            return
        lock = path.with_name("index.lock")
        # This is git's own lock. No other git process can write the index at the same time.
        with contextlib.suppress(FileExistsError):
            with lock.open("xb") as file:
                file.write(before)
            lock.replace(path)

    def _git_path(self, name: str) -> str:
        return self._ask("rev-parse", "--git-path", name).decode().rstrip("\n")

    def _ask(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode:
            raise CommitFailed(_said(done, f"git {arguments[0]}"), "Run `git status` for details.")
        return done.stdout

    def _run(
        self, *arguments: str, given: bytes = b"", seconds: float = QUESTION_SECONDS
    ) -> "subprocess.CompletedProcess[bytes]":
        environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
        try:
            return subprocess.run(
                ["git", *arguments],
                cwd=self._folder,
                env=environ,
                input=given,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except FileNotFoundError:
            raise NotFound("git is not installed.", "Install git.") from None
        except subprocess.TimeoutExpired:
            raise CommitFailed(
                f"git {arguments[0]} took more than {seconds:.0f} seconds.", "Commit with git itself."
            ) from None


def _counts(raw: bytes) -> Iterator[tuple[str, tuple[int | None, int | None]]]:
    """Yield each path with its line counts from ``git diff --numstat -z``."""
    parts = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for part in parts:
        if not part:
            continue
        added, removed, path = part.split("\t", 2)
        if not path:  # renamed file: the old path and the new path follow
            next(parts)
            path = next(parts)
        binary = added == "-"
        yield path, (None, None) if binary else (int(added), int(removed))


def _names(raw: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield status letter, path and former path from ``git diff --name-status -z``."""
    parts = iter(raw.decode("utf-8", "surrogateescape").split("\0"))
    for status in parts:
        if not status:
            continue
        before = next(parts) if status[0] in "RC" else ""
        yield status[0], next(parts), before


def _said(done: "subprocess.CompletedProcess[bytes]", what: str) -> str:
    """Return the output of a failed git command as one line."""
    text = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return f"{what} failed: {' · '.join(lines[-6:])[:600] or f'status {done.returncode}'}."
