"""Finds the llama.cpp builds that the embedded engine can run and chooses one.

Each build is asked for its version and devices, because neither the operating system nor the file name
reveals whether it uses a GPU.
"""

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.backends.base import EngineDevice
from server.backends.embedded.vulkan_extra import extra_environ, find_extra, is_extra, wrong_files
from server.common.errors import SettingsError
from server.common.processes import NO_WINDOW, find_program, last_line, run_module

logger = logging.getLogger(__name__)

BUILT_IN = "built-in"
"""Value of ``[embedded] program`` that selects the library bundled with the app."""
ASK_SECONDS = 20.0
PROGRAM = "llama-server"

_DEVICE = re.compile(r"^\s+(\S+): (.+) \((\d+) MiB, (\d+) MiB free\)\s*$", re.MULTILINE)
_VERSION = re.compile(r"^version: (.+?)\s*$", re.MULTILINE)
_MIB = 2**20


@dataclass(frozen=True)
class Build:
    """A llama.cpp build. ``program`` is the path to a ``llama-server``, or empty for the library. ``origin``
    says where the build comes from. ``devices`` are the GPUs it uses.
    """

    program: str
    origin: str
    version: str = ""
    devices: tuple[EngineDevice, ...] = ()

    @property
    def label(self) -> str:
        """Display name, such as ``Embedded llama.cpp 6121 (Vulkan0: Radeon RX 7900)``."""
        if not self.program and not self.devices:
            return "Embedded llama.cpp"
        on = ", ".join(f"{each.name}: {each.description}" for each in self.devices) or "CPU"
        return " ".join(filter(None, ("Embedded llama.cpp", self.version, f"({on})")))

    @property
    def environ(self) -> dict[str, str]:
        """Environment variables that the program needs."""
        program = Path(self.program)
        return extra_environ(program) if is_extra(program) else {}


LIBRARY = Build("", "xllamacpp")


async def choose_build(program: str, rejected: dict[str, str] | None = None) -> Build:
    """Return the build to run: the one named by ``program`` (``[embedded] program``), otherwise the first
    that uses a GPU, otherwise the library.

    Args:
        rejected: programs to skip, each with the reason. Programs that turn out to be unusable are added.

    Raises:
        SettingsError: the named program does not exist or is not a ``llama-server``.
    """
    if program not in ("", BUILT_IN):
        return await _named(program)
    rejected = {} if rejected is None else rejected
    if program != BUILT_IN:
        for candidate in candidates():
            if candidate.program in rejected:
                continue
            try:
                asked = await _ask_candidate(candidate)
            except _UnusableError as error:
                rejected[candidate.program] = str(error)
                logger.warning("%s is not used: %s", candidate.program, error)
                continue
            if asked is not None and asked.devices:
                return asked
    return await ask_library()


def crash_reason(number: int) -> str:
    """Return why a program that this signal killed cannot be used, as a clause."""
    name = signal.Signals(number).name
    if name == "SIGILL":
        return f"it crashed with {name}, so it was built for another processor"
    return f"it crashed with {name}"


def candidates() -> Iterator[Build]:
    """Yield the programs on this machine, most trusted first."""
    seen: set[str] = set()
    for path, origin in _places():
        real = os.path.realpath(path)
        if path and real not in seen and os.access(path, os.X_OK) and Path(path).is_file():
            seen.add(real)
            yield Build(path, origin)


async def ask_program(build: Build) -> Build | None:
    """Return the program's version and devices; None if it does not respond like a ``llama-server``.

    Raises:
        _UnusableError: a signal killed the program.
    """
    said = [await _say(build, argument) for argument in ("--version", "--list-devices")]
    version = _VERSION.search(said[0] or "")
    if version is None or said[1] is None:
        logger.info("%s does not respond as llama-server would", build.program)
        return None
    return Build(build.program, build.origin, version[1].partition(" (")[0], parse_devices(said[1]))


def parse_devices(text: str) -> tuple[EngineDevice, ...]:
    """Return the devices in the output of ``--list-devices``, skipping those without memory, which are
    libraries.
    """
    found = (
        EngineDevice(name, description, int(total) * _MIB, int(free) * _MIB)
        for name, description, total, free in _DEVICE.findall(text)
    )
    return tuple(each for each in found if each.total)


async def ask_library() -> Build:
    """Return the library's version and devices. A child process loads the library, because loading takes most
    of a second.
    """
    status, output = await run_module("server.backends.embedded.devices", [], {})
    try:
        fields = json.loads(output.splitlines()[-1])
        devices = tuple(EngineDevice(**each) for each in fields["devices"])
        return Build("", LIBRARY.origin, fields["version"], devices)
    except (ValueError, KeyError, TypeError, IndexError):
        logger.warning("llama.cpp did not list its devices: %s", last_line(output, status))
        return LIBRARY


async def _named(program: str) -> Build:
    path = await asyncio.to_thread(_path_of, program)
    next_step = f'Give the path of a llama-server, or set program = "{BUILT_IN}".'
    try:
        asked = await ask_program(Build(path, "[embedded] program")) if path else None
    except _UnusableError as error:
        raise SettingsError(f"[embedded] program: {program} cannot be used: {error}.", next_step) from None
    if asked is None:
        raise SettingsError(
            f"[embedded] program: {program} is not a llama-server that runs on this machine.", next_step
        )
    return asked


async def _ask_candidate(build: Build) -> Build | None:
    """Ask a program, but first make sure that the extra's files are the tested ones."""
    if is_extra(Path(build.program)):
        reason = await asyncio.to_thread(wrong_files, Path(build.program))
        if reason:
            raise _UnusableError(reason)
    return await ask_program(build)


class _UnusableError(Exception):
    """A program must not or cannot be used. The message gives the reason as a clause."""


def _path_of(program: str) -> str | None:
    is_path = "/" in program or "\\" in program
    return str(Path(program).expanduser()) if is_path else find_program(program)


async def _say(build: Build, argument: str) -> str | None:
    """Return the program's output; None if the program fails or takes too long.

    Raises:
        _UnusableError: a signal killed the program.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            build.program,
            argument,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**own_environ(), **build.environ},
            creationflags=NO_WINDOW,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(ASK_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode is not None and process.returncode < 0:
        raise _UnusableError(crash_reason(-process.returncode))
    return output.decode("utf-8", "replace") if process.returncode == 0 else None


def own_environ() -> dict[str, str]:
    """Return the environment without ``LLAMA_ARG_…`` variables, which would override the app's arguments."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LLAMA_ARG_")}


def _places() -> Iterator[tuple[str, str]]:
    yield find_program(PROGRAM) or "", "on the path"
    home = Path.home()
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", "") or home / "AppData" / "Local")
        yield str(local / "Microsoft" / "WinGet" / "Links" / f"{PROGRAM}.exe"), "winget"
        yield str(home / "scoop" / "shims" / f"{PROGRAM}.exe"), "scoop"
    else:
        for folder in ("/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin", "/snap/bin"):
            yield f"{folder}/{PROGRAM}", folder
        yield str(home / ".local" / "bin" / PROGRAM), "~/.local/bin"
    if extra := find_extra():
        yield str(extra), "the extra vulkan"
