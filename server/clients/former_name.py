"""Client entries and programs left by an installation under the distribution's former name.

Such an entry starts an outdated app or fails. On PyPI, the former name belongs to another product, which
provides neither ``token-saver-mcp`` nor a command named after the package (version 1.14.0, November 2026).
"""

import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from server.clients.config_files import command_of
from server.common.distribution import FORMER_NAME, NAME

BRIDGE_PROGRAMS = frozenset({"token-saver-mcp", FORMER_NAME})
BRIDGE_MODULE = "server.bridge"
RUNNERS = frozenset({"uv", "uvx", "pipx"})
OTHER_PRODUCTS_PROGRAMS = frozenset({"token-saver", "token-saver-pack"})
_REQUIREMENT = re.compile(r"(--[a-z]+=)?claude[-_.]token[-_.]saver(\[.*\])?\s*([=<>~!@].*)?", re.IGNORECASE)
_DIST_INFO = re.compile(r"(.+)-[^-]+\.dist-info", re.IGNORECASE)


def former_entries(servers: object) -> tuple[str, ...]:
    """Return the names of entries in a client's server table that start the former distribution."""
    if not isinstance(servers, Mapping):
        return ()
    return tuple(name for name, entry in servers.items() if is_former(entry))


def is_former(entry: object) -> bool:
    """Return whether an entry starts the bridge of an installation under the former name."""
    command = command_of(entry)
    if not command:
        return False
    program, arguments = Path(command[0]), command[1:]
    if program.stem.lower() in RUNNERS:
        named = any(_REQUIREMENT.fullmatch(argument) for argument in arguments)
        return named and OTHER_PRODUCTS_PROGRAMS.isdisjoint(arguments)
    if program.stem in BRIDGE_PROGRAMS or any(each.startswith(BRIDGE_MODULE) for each in arguments):
        return in_former_environment(program)
    return False


def is_of_this_app(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry, as written by any version, starts this installation's bridge."""
    command = command_of(entry)
    if not command:
        return False
    program, arguments = Path(command[0]), command[1:]
    starts_bridge = program.stem in BRIDGE_PROGRAMS or any(
        each.startswith(BRIDGE_MODULE) for each in arguments
    )
    return starts_bridge and program.parent == Path(sys.executable).absolute().parent


def in_former_environment(program: Path) -> bool:
    """Return whether a program's environment contains the former distribution but not the current one."""
    found = program if program.is_absolute() else Path(shutil.which(str(program)) or program).absolute()
    return any(_is_former_environment(folder) for folder in _environments(found))


def _environments(program: Path) -> Iterator[Path]:
    """Yield the program's environment and, if the program is a link, the environment it points to."""
    places = [program]
    if not program.name.startswith("python"):  # an environment's Python is a link to the system's Python
        places.append(program.resolve())
    for place in places:
        if place.parent.name in ("bin", "Scripts"):
            yield place.parent.parent


def _is_former_environment(folder: Path) -> bool:
    # uv and pipx name a tool's environment after its distribution.
    if folder.name == FORMER_NAME:
        return True
    installed = set(_distributions(folder))
    return FORMER_NAME in installed and NAME not in installed


def _distributions(folder: Path) -> Iterator[str]:
    for pattern in ("lib/python*/site-packages/*.dist-info", "Lib/site-packages/*.dist-info"):
        for path in folder.glob(pattern):
            if found := _DIST_INFO.fullmatch(path.name):
                yield found[1].lower().replace("_", "-")
