"""Runs the user's named checks, in the sandbox if this machine has one, unless the user decides otherwise.

In the sandbox, a check sees only the system's programs and the project, and has no network access unless the
user allows it. It may change the project except for files that other programs run, git's own folder and
installed packages. Its home and cache folders are private and live in the app's cache, one set per project.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from server.bridge.own_folders import make_folder
from server.common.aio import run_thread_uncancellable
from server.common.errors import SettingsError
from server.config.sections import OffloadSettings
from server.execution.sandbox.find import Sandboxes
from server.execution.sandbox.values import CommandJob, JobResult, Unavailable
from server.offload.checks.executed_files import unchangeable
from server.offload.checks.named import NamedChecks
from server.offload.checks.places import CheckPlaces
from server.offload.checks.user_command import LONGEST_OUTPUT, check_environ, failed, passed, run_check
from server.offload.delivery.rescue_copies import RescueCopies
from server.offload.values import Check

_OUTSIDE = (
    "To run the check outside the sandbox, with your permissions: token-saver checks place {name} outside."
)


class CheckRunner:
    """Runs checks according to the user's settings.

    Args:
        settings: which checks run in the sandbox, their time limit and variables.
        cache: the app's folder for caches.
        sandboxes: finds the sandbox of this machine.
        rescue_copies: keeps files that a check was not allowed to create.
        checks: the user's checks.
        places: where the user wants them to run.
    """

    def __init__(
        self,
        settings: OffloadSettings,
        *,
        cache: Path,
        sandboxes: Sandboxes,
        rescue_copies: RescueCopies,
        checks: NamedChecks,
        places: CheckPlaces,
    ) -> None:
        self.settings = settings
        self._cache = cache
        self._sandboxes = sandboxes
        self._rescue_copies = rescue_copies
        self._checks = checks
        self._places = places
        self._tried: set[tuple[str, tuple[str, ...], Path]] = set()

    async def try_unchanged(
        self,
        name: str,
        command: tuple[str, ...],
        folder: Path,
        file: Path,
        restore: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a check on the unchanged project before its first use in the sandbox, then call ``restore``.

        Raises:
            SettingsError: the check passes outside, but not in the sandbox.
        """
        words = tuple(word for word in command if word != str(file))
        if (name, words, folder) in self._tried or await self._is_outside(name):
            return
        if not await asyncio.to_thread(file.exists):
            return
        try:
            inside = await self._run_inside(name, command, folder)
            works_outside = not inside.passed and (await self._run_outside(name, command, folder)).passed
        finally:
            # A formatter changes the file that is about to be compared with what the model read.
            await run_thread_uncancellable(restore)
        if works_outside:
            reason = inside.message[-400:].strip()
            text = self._checks.known.get(name, "")
            await asyncio.to_thread(self._places.ask, name, text, reason)
            raise SettingsError(
                f"The check {name!r} passes on the unchanged project, but not in the sandbox: {reason}.",
                "Adapt the check, or allow it the network: [offload] checks_network. "
                f"{_OUTSIDE.format(name=name)}",
                f"Ask the user about the check {name!r}, or omit it.",
            )
        self._tried.add((name, words, folder))

    async def run(self, name: str, command: tuple[str, ...], folder: Path) -> Check:
        """Run the command in ``folder``. The check passes if the command exits with status 0 within the time
        limit.

        Raises:
            SettingsError: the command cannot be started, or this machine has no sandbox.
        """
        where = self._run_outside if await self._is_outside(name) else self._run_inside
        return await where(name, command, folder)

    async def _is_outside(self, name: str) -> bool:
        settings = self.settings
        if settings.check_sandbox == "never" or name in settings.checks_outside:
            return True
        if await asyncio.to_thread(self._places.is_outside, name, self._checks.known.get(name, "")):
            return True
        if settings.check_sandbox == "always":
            return False
        return isinstance(await self._sandboxes.find("command"), Unavailable)

    async def _run_outside(self, name: str, command: tuple[str, ...], folder: Path) -> Check:
        settings = self.settings
        return await run_check(name, command, folder, settings.check_timeout, settings.check_env)

    async def _run_inside(self, name: str, command: tuple[str, ...], folder: Path) -> Check:
        sandbox = await self._sandboxes.find("command")
        if isinstance(sandbox, Unavailable):
            raise SettingsError(
                f"The check {name!r} cannot run because no sandbox is available ({sandbox.reason}).",
                _OUTSIDE.format(name=name),
            )
        before = await asyncio.to_thread(unchangeable, folder)
        job = await asyncio.to_thread(self._job, name, command, folder, before)
        (result,) = await sandbox.run([job])
        kept = await asyncio.to_thread(self._take_away_new, folder, before)
        if kept:
            return failed(name, f"It created {', '.join(kept)}, which other programs run.")
        return _judged(name, result)

    def _job(
        self, name: str, command: tuple[str, ...], folder: Path, protected: frozenset[Path]
    ) -> CommandJob:
        program = _program(name, command[0], folder)
        home = self._cache / "checks" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        for each in (home, home / ".cache"):
            make_folder(each)
        limits = CommandJob(()).limits
        return CommandJob(
            (str(program), *command[1:]),
            folder,
            env={
                **check_environ(self.settings.check_env),
                "HOME": str(home),
                "XDG_CACHE_HOME": str(home / ".cache"),
                "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
            },
            readable=tuple(dict.fromkeys(_readable(program, folder))),
            writable=(folder, home),
            protected=tuple(sorted(protected)),
            network="host" if name in self.settings.checks_network else "none",
            limits=replace(limits, seconds=self.settings.check_timeout),
        )

    def _take_away_new(self, folder: Path, before: frozenset[Path]) -> list[str]:
        """Move files that a check must not create to the rescue copies, and return their names."""
        found: list[str] = []
        for path in unchangeable(folder) - before:
            files = [path] if not path.is_dir() or path.is_symlink() else sorted(path.rglob("*"))
            for each in files:
                if each.is_file() and not each.is_symlink():
                    self._rescue_copies.save(each.name, each.read_bytes())
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
            found.append(path.relative_to(folder).as_posix())
        return sorted(found)


def _program(name: str, word: str, folder: Path) -> Path:
    """Return the absolute path of the check's program. Only absolute folders in PATH are searched."""
    if os.sep in word:
        found: str | None = str(folder / word)
    else:
        places = [
            each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(each).is_absolute()
        ]
        found = shutil.which(word, path=os.pathsep.join(places))
    if found is None:
        raise SettingsError(
            f"The check {name!r} cannot be started: {word} was not found.", "Fix it in config.toml."
        )
    return Path(found)


def _readable(program: Path, folder: Path) -> Iterator[Path]:
    """Yield the paths outside the system's folders that the program needs in order to start: its own
    installation or virtual environment, and the installation of the Python in the project's environment.
    """
    yield program
    if (program.parents[1] / "pyvenv.cfg").is_file():
        yield program.parents[1]
    yield from _installation(program.resolve())
    for environment in (".venv", "venv"):
        python = folder / environment / "bin" / "python"
        if python.exists():
            yield from _installation(python.resolve())


def _installation(program: Path) -> Iterator[Path]:
    """Yield the folder above a program's ``bin`` folder, unless it is a home folder or the root of the
    disk.
    """
    if program.parent.name in ("bin", "Scripts"):
        prefix = program.parents[1]
        if prefix != Path("/") and not Path.home().is_relative_to(prefix):
            yield prefix
            return
    yield program


def _judged(name: str, result: JobResult) -> Check:
    output = (result.stdout + result.stderr).decode(errors="replace").strip()
    if result.ending != "exited":
        return failed(name, result.reason or f"It ended by {result.ending}.")
    return (
        passed(name)
        if result.exit_status == 0
        else failed(name, f"Exit status {result.exit_status}:\n{output[-LONGEST_OUTPUT + 30 :]}")
    )
