"""The git repository behind a commit: its state, the staged files, and a copy of the index for restoring."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.common.control_characters import in_line
from server.common.errors import BadArguments, CommitFailed, NotFound
from server.common.git import ask_git, run_git, starts_with

QUESTION_SECONDS = 60.0
"""Timeout for a git query (seconds)."""
COMMIT_SECONDS = 1_800.0
"""Timeout for the commit and its hooks (seconds)."""
MOST_PATCH = 16_000_000
"""Maximum size of the added lines searched for secrets (bytes)."""
_BINARY_BYTES = 8_000
"""Number of leading bytes in which git looks for a zero byte to detect a binary file."""
_FOR_USER = {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
_DIFF = (
    *("-c", "core.quotePath=false"),  # names that are not ASCII reach the model as they are
    *("diff", "--cached", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--find-renames"),
    *("--submodule=short", "--ignore-submodules=none"),
)
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
    ``removed`` count lines; both are None for a file that git treats as binary. If such a file is really
    text, it still has a patch.
    """

    status: str
    path: str
    before: str
    added: int | None
    removed: int | None
    patch: str

    @property
    def shown(self) -> str:
        """The path as text, with control characters removed and ``�`` for bytes that are not UTF-8."""
        return _as_text(self.path)

    @property
    def shown_before(self) -> str:
        """The former path as text."""
        return _as_text(self.before)


class Repository:
    """The git repository that contains a folder.

    Raises:
        NotFound: git is missing, or the folder is not in a repository.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        done = self._ask_status("rev-parse", "--show-toplevel")
        if done.returncode or not done.stdout.strip():
            raise NotFound(f"{folder} is not in a git repository.", "Change to the repository's folder.")
        self.root = Path(os.fsdecode(done.stdout.rstrip(b"\n")))

    def require_ready(self) -> str:
        """Return the current branch.

        Raises:
            CommitFailed: HEAD is detached, files are unmerged, or a merge, rebase or similar operation is
            in progress.
        """
        if self._ask("ls-files", "--unmerged", "-z"):
            raise CommitFailed("Files are unmerged.", "Resolve the conflicts, then commit yourself.")
        for name, what in _UNDER_WAY.items():
            if (self._folder / self._git_path(name)).exists():
                raise CommitFailed(f"{what} is in progress.", "Finish or abort it with git.")
        done = self._ask_status("symbolic-ref", "--quiet", "--short", "HEAD")
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
        return self._ask_status("diff", "--cached", "--quiet", "--no-ext-diff").returncode != 0

    def staged(self) -> list[StagedFile]:
        """Return the staged files with their patches.

        Raises:
            CommitFailed: the patch is too large to be searched for secrets.
        """
        counts = dict(_counts(self._ask(*_DIFF, "--numstat", "-z")))
        listed = list(_names(self._ask(*_DIFF, "--name-status", "-z")))
        patches = self._patches(listed)
        found = []
        for (status, path, before), patch in zip(listed, patches, strict=True):
            added, removed = counts.get(path, (None, None))
            hidden = added is None and status != "D" and not self._is_binary(path)  # by an attribute
            own = self._patch("--text", "--", path) if hidden else patch
            found.append(StagedFile(status, path, before, added, removed, own))
        return found

    def _patches(self, listed: Sequence[tuple[str, str, str]]) -> list[str]:
        """Return the patch for each file. Git prints two patches when a file became a link or vice versa."""
        parts = [f"diff --git {part}" for part in f"\n{self._patch()}".split("\ndiff --git ")[1:]]
        counts = [2 if status == "T" else 1 for status, _, _ in listed]
        if sum(counts) != len(parts):
            return [self._patch("--", *filter(None, (path, before))) for _, path, before in listed]
        rest = iter(parts)
        return ["\n".join(next(rest) for _ in range(count)) for count in counts]

    def _patch(self, *more: str) -> str:
        patch = self._ask("--literal-pathspecs", *_DIFF, "--unified=2", *more, folder=self.root)
        added = sum(len(line) for line in patch.split(b"\n") if line.startswith(b"+"))
        if added > MOST_PATCH:
            raise CommitFailed(
                f"The change adds {added / 1e6:.0f} MB of text, too much to search for secrets.",
                "Commit it in parts, or with git itself.",
            )
        return patch.decode("utf-8", "replace")

    def _is_binary(self, path: str) -> bool:
        """Return whether a staged file has a zero byte near its start, or no content (like a submodule)."""
        head = starts_with(self._folder, "cat-file", "blob", f":0:{path}", most=_BINARY_BYTES)
        return not head or b"\0" in head

    def messages(self, most: int) -> list[str]:
        """Return the messages of the latest non-merge commits, newest first; none in a new repository."""
        done = self._ask_status("log", f"-{most}", "--no-merges", "--format=%B%x00")
        return [text for each in done.stdout.decode("utf-8", "replace").split("\0") if (text := each.strip())]

    def commit(self, message: str) -> None:
        """Commit the staged files, with the repository's hooks and signing.

        Raises:
            CommitFailed: a hook, the signing or git itself failed.
        """
        done = self._run(
            *("commit", "--quiet", "--file", "-"),
            given=message.encode("utf-8", "replace"),
            seconds=COMMIT_SECONDS,
        )
        if done.returncode:
            raise CommitFailed(
                _said(done, "git commit"), "Nothing was committed. Fix the cause, then run the command again."
            )

    def last_commit(self) -> str:
        """Return the abbreviated hash of the last commit."""
        return self._ask("rev-parse", "--short", "HEAD").decode().strip()

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

    def _ask(self, *arguments: str, folder: Path | None = None) -> bytes:
        done = self._ask_status(*arguments, folder=folder)
        if done.returncode:
            raise CommitFailed(_said(done, f"git {_named(arguments)}"), "Run `git status` for details.")
        return done.stdout

    def _ask_status(
        self, *arguments: str, folder: Path | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        with _in_time(_named(arguments), QUESTION_SECONDS):
            return ask_git(folder or self._folder, *arguments, seconds=QUESTION_SECONDS)

    def _run(
        self, *arguments: str, given: bytes = b"", seconds: float = QUESTION_SECONDS
    ) -> "subprocess.CompletedProcess[bytes]":
        with _in_time(_named(arguments), seconds):
            return run_git(self._folder, *arguments, seconds=seconds, variables=_FOR_USER, given=given)


@contextlib.contextmanager
def _in_time(command: str, seconds: float) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        raise CommitFailed(
            f"git {command} took more than {seconds:.0f} seconds.", "Commit with git itself."
        ) from None


def _named(arguments: Sequence[str]) -> str:
    return next(each for each in arguments if not each.startswith("-"))


def _as_text(path: str) -> str:
    return in_line(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


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
