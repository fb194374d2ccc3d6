"""Handed-back tasks, tried again with another model in a copy of their files.

Nothing is written into the project, and the tries count neither as work nor as savings.
"""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from server.common.errors import BadArguments
from server.offload.pipeline import Offloader
from server.offload.values import Caller, Task
from server.store.history import History
from server.store.records import SHELL, TEST_SESSION, OffloadDetail, OffloadFilter

MOST = 5
"""Number of hand-backs to try: enough for an impression, and done in minutes on a GPU."""
LOOKED_AT = 50
"""Number of recent hand-backs among which repeatable ones are looked for."""
TOOL = "offload_work"
SUCCESSFUL = ("delivered", "returned")


@dataclass(frozen=True)
class Try:
    """The result of one task: the outcome's name, and the code of the failure if there was one."""

    task: str
    outcome: str
    code: str = ""


@dataclass(frozen=True)
class HandBackReplay:
    """The results of one model. ``tries`` is newest first."""

    model: str
    tries: tuple[Try, ...]

    @property
    def saved(self) -> int:
        """Return the number of tasks that this model solved."""
        return sum(each.outcome in SUCCESSFUL for each in self.tries)

    @property
    def sentence(self) -> str:
        """Return the result as a sentence."""
        last = "last hand-back" if len(self.tries) == 1 else f"last {len(self.tries)} hand-backs"
        return f"{self.model} would have saved {self.saved} of your {last}."


async def replay_hand_backs(
    offloader: Offloader,
    history: History,
    model: str,
    report: Callable[[int, int], None] = lambda _done, _of: None,
    most: int = MOST,
) -> HandBackReplay:
    """Try the last handed-back tasks with a model, on their files as they are now.

    Tasks are left out if the history did not keep them, or if one of their files is gone or lies outside
    their project. The user's own check does not run, because it belongs to the project.

    Raises:
        BadArguments: no handed-back task can be tried.
        StoreError: the history cannot be read or written.
    """
    rows = await history.page(OffloadFilter(outcome="handed_back", tool=TOOL), limit=LOOKED_AT)
    details = [await history.get(row.id) for row in rows]
    repeatable = [each for each in details if each is not None and each.arguments.get("task")]
    tries: list[Try] = []
    for number, detail in enumerate(repeatable):
        if len(tries) == most:
            break
        report(len(tries), min(most, len(tries) + len(repeatable) - number))
        with tempfile.TemporaryDirectory(prefix="token-saver-replay-") as folder:
            if await asyncio.to_thread(_copy_files, detail, Path(folder)):
                tries.append(await _try(offloader, history, detail, model, Path(folder)))
    if not tries:
        raise BadArguments(
            "No handed-back task can be tried again.",
            "Tasks are kept in the history with their contents ([history] contents); their files must exist.",
        )
    return HandBackReplay(model, tuple(tries))


async def _try(
    offloader: Offloader, history: History, detail: OffloadDetail, model: str, folder: Path
) -> Try:
    task = replace(Task.from_arguments(detail.arguments), model=model, check=None)
    session = f"{TEST_SESSION}replay-{secrets.token_hex(4)}"
    try:
        outcome = await offloader.run(task, Caller(SHELL, session, folder, (folder,)), _ignore_progress)
    finally:
        await history.forget_test(session)
    return Try(task.task, outcome.name, outcome.code)


def _copy_files(detail: OffloadDetail, folder: Path) -> bool:
    """Copy the task's files and return whether all of them were there."""
    output = detail.arguments.get("output") or ""
    for path in {each.path for each in detail.files if each.role == "input"}:
        source = _inside(detail.row.project, path)
        if source is None or not source.is_file():
            return False
        _copy(source, folder / path)
    existing = _inside(detail.row.project, output)
    if output and existing is not None and existing.is_file():
        _copy(existing, folder / output)
    return not output or existing is not None


def _inside(project: str, path: str) -> Path | None:
    """Return a project's file; None if the path could lead out of the project."""
    parts = PurePath(path)
    if not project or parts.is_absolute() or ".." in parts.parts:
        return None
    found = Path(project, path)
    return found if found.resolve().is_relative_to(Path(project).resolve()) else None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


async def _ignore_progress(_done: float, _total: float | None, _words: str) -> None:
    """Ignore progress: the caller is told the number of the task."""
