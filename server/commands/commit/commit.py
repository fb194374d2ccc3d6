"""Command ``commit``: stage, refuse secrets, write the message, commit; restore the index on failure."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from server.commands.commit.message import Ask, write_message
from server.commands.commit.repository import Repository, StagedFile
from server.commands.commit.style import LATEST, style_of
from server.commands.digest.paths import require_allowed
from server.commands.hub_client import HubClient, hub_for_call
from server.commands.terminal.output import echo
from server.commands.terminal.progress import progress_bar
from server.common.errors import BadArguments, CommitFailed, TokenSaverError
from server.config.folders import Folders
from server.config.settings import Settings
from server.policy.secrets.redact import redact

_PIECE = 100_000
"""Number of characters searched for secrets at a time."""
_NAMED = 3


def commit_changes(settings: Settings, folders: Folders, paths: Sequence[str], message: str) -> None:
    """Commit the staged files or, if none are staged, the named paths, and print two lines.

    Raises:
        TokenSaverError: nothing was committed, and the index is unchanged.
    """
    repository = Repository(Path.cwd())
    branch = repository.require_ready()
    staged = repository.has_staged()
    if staged and paths:
        raise BadArguments(
            "There are staged files, and paths were given as well.",
            "To commit the staged files, leave out PATHS; or unstage them first (`git restore --staged .`).",
        )
    if not staged and not paths:
        raise BadArguments(
            "No files are staged, and no paths were given.", "Name the files: token-saver commit PATHS."
        )
    with repository.index_restored_on_error():
        if not staged:
            repository.stage(paths)
            if not repository.has_staged():
                raise CommitFailed(
                    "The named paths have no changes.", "Run `git status` to see which files changed."
                )
        files = repository.staged()
        refuse_secrets(files)
        remark = ""
        if not message:
            style = style_of(repository.messages(LATEST))
            readable = [_readable(file, repository.root) for file in files]
            with _asking(settings, folders) as ask:
                message, remark = write_message(readable, style, ask)
        repository.commit(message)
    _say(repository.last_commit(), branch, message, files, remark)


def refuse_secrets(files: Sequence[StagedFile]) -> None:
    """Search the added lines for secrets.

    Raises:
        CommitFailed: a file contains a secret. The message does not show the secret.
    """
    found = []
    for file in files:
        lines = file.patch.splitlines()
        added = "\n".join(line[1:] for line in lines if line.startswith("+") and line[:3] != "+++")
        kinds: dict[str, int] = {}
        for start in range(0, len(added), _PIECE):
            kinds.update(redact(added[max(0, start - 500) : start + _PIECE]).found)
        if kinds:
            found.append(f"{file.shown} ({', '.join(sorted(kinds))})")
    if found:
        more = f" and {len(found) - _NAMED} more files" if len(found) > _NAMED else ""
        raise CommitFailed(
            f"{'; '.join(found[:_NAMED])}{more} seems to contain a secret.",
            "Remove the secret, or commit with git if it is not one.",
        )


def _readable(file: StagedFile, root: Path) -> StagedFile:
    """Return the file, minus its patch if the user's rules keep the file from models."""
    try:
        require_allowed(str(root / file.path))
    except TokenSaverError:
        return dataclasses.replace(file, patch="")
    return file


@contextlib.contextmanager
def _asking(settings: Settings, folders: Folders) -> Iterator[Ask]:
    """Yield a function that asks the local model through the hub, subject to the hub's policy."""
    with contextlib.ExitStack() as stack:
        hub: HubClient | None = None
        # Without a hub, the message is made from the file names.
        with contextlib.suppress(TokenSaverError):
            hub = stack.enter_context(hub_for_call(settings, folders))

        def ask(task: str, context: str) -> str:
            arguments = {"task": task, "context": context, "output_format": "raw"}
            try:
                with progress_bar() as bar:
                    answer = None if hub is None else hub.call_tool("offload_work", arguments, bar.show)
            except TokenSaverError:
                return ""
            return "" if answer is None or answer.failed else answer.text

        yield ask


def _say(sha: str, branch: str, message: str, files: Sequence[StagedFile], remark: str) -> None:
    added = sum(file.added or 0 for file in files)
    removed = sum(file.removed or 0 for file in files)
    count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    echo(f"[{branch} {sha}] {message.splitlines()[0]}")
    note = f"; message from the file names: {remark}" if remark else ""
    echo(f"{count}, +{added} -{removed}{note}")
