"""Checks for Python projects: pytest, unittest, tox, nox, ruff, mypy, pyright."""

from collections.abc import Iterator, Mapping
from typing import Any

from server.execution.project_checks.manifests import Folder, as_mapping
from server.execution.project_checks.values import FILE, TESTS, ProjectCheck

_PYTHON = (".py", ".pyi")


def python_checks(folder: Folder) -> Iterator[ProjectCheck]:
    """Yield the checks found in one folder's files."""
    project = folder.toml("pyproject.toml")
    tools = as_mapping(project.get("tool"))
    cfg, tox = folder.ini_sections("setup.cfg"), folder.ini_sections("tox.ini")
    start = _start(folder)
    if found := _first(folder, ("ruff.toml", ".ruff.toml"), "ruff", tools):
        yield ProjectCheck(
            "ruff",
            "lint",
            (*start, "ruff", "check"),
            _PYTHON,
            folder.path,
            found,
            (*start, "ruff", "check", FILE),
        )
    if found := _first(folder, ("mypy.ini", ".mypy.ini"), "mypy", tools, ("mypy", cfg)):
        yield ProjectCheck(
            "mypy", "types", (*start, "mypy", "."), _PYTHON, folder.path, found, (*start, "mypy", FILE)
        )
    if found := _first(folder, ("pyrightconfig.json",), "pyright", tools):
        yield ProjectCheck(
            "pyright",
            "types",
            (*start, "pyright"),
            _PYTHON,
            folder.path,
            found,
            (*start, "pyright", FILE),
            rank=1,
        )
    yield from _tests(folder, project, cfg, tox, start)
    if found := _first(folder, ("tox.toml",), "tox", tools, ("tox", cfg)) or _tox_ini(folder, tox):
        yield ProjectCheck("tox", "everything", ("tox", "run"), _PYTHON, folder.path, found, rank=1)
    if folder.has("noxfile.py"):
        yield ProjectCheck(
            "nox", "everything", ("nox",), _PYTHON, folder.path, folder.shown("noxfile.py"), rank=1
        )


def _tests(
    folder: Folder,
    project: Mapping[str, Any],
    cfg: frozenset[str],
    tox: frozenset[str],
    start: tuple[str, ...],
) -> Iterator[ProjectCheck]:
    tools = as_mapping(project.get("tool"))
    found = _first(
        folder, ("pytest.ini", ".pytest.ini", "pytest.toml"), "pytest", tools, ("tool:pytest", cfg)
    )
    if found is None and "pytest" in tox:
        found = f"{folder.shown('tox.ini')} [pytest]"
    if found is None and (folder.has("conftest.py") or _depends_on_pytest(folder, project)):
        found = folder.shown(folder.has("conftest.py") or _requirements(folder) or "pyproject.toml")
    if found is not None:
        words = (*start, "pytest", "-q")
        yield ProjectCheck("pytest", "tests", words, _PYTHON, folder.path, found, (*words, TESTS))
    elif (name := _unittest_file(folder)) is not None:
        words = (*start, "unittest")
        yield ProjectCheck(
            "unittest", "tests", (*words, "discover"), _PYTHON, folder.path, name, (*words, TESTS)
        )


def _start(folder: Folder) -> tuple[str, ...]:
    """Return the command prefix with which this project runs its tools."""
    if folder.has("uv.lock"):
        return ("uv", "run", "python", "-m")
    if folder.has("poetry.lock"):
        return ("poetry", "run", "python", "-m")
    if folder.has("Pipfile"):
        return ("pipenv", "run", "python", "-m")
    return ("python", "-m")


def _first(
    folder: Folder,
    files: tuple[str, ...],
    tool: str,
    tools: Mapping[str, Any],
    section: tuple[str, frozenset[str]] = ("", frozenset()),
) -> str | None:
    """Return where a tool is configured: its own file, pyproject.toml, or setup.cfg."""
    if (name := folder.has(*files)) is not None:
        return folder.shown(name)
    if tool in tools:
        return f"{folder.shown('pyproject.toml')} [tool.{tool}]"
    return f"{folder.shown('setup.cfg')} [{section[0]}]" if section[0] in section[1] else None


def _tox_ini(folder: Folder, sections: frozenset[str]) -> str | None:
    shows = any(name == "tox" or name.startswith("testenv") for name in sections)
    return folder.shown("tox.ini") if shows else None


def _depends_on_pytest(folder: Folder, project: Mapping[str, Any]) -> bool:
    listed: list[object] = []
    table = as_mapping(project.get("project"))
    groups = (as_mapping(table.get("optional-dependencies")), as_mapping(project.get("dependency-groups")))
    for group in (table.get("dependencies"), *(each for found in groups for each in found.values())):
        listed += group if isinstance(group, list) else []
    poetry = as_mapping(as_mapping(project.get("tool")).get("poetry"))
    tables = [poetry.get("dev-dependencies"), poetry.get("dependencies")]
    tables += [as_mapping(each).get("dependencies") for each in as_mapping(poetry.get("group")).values()]
    listed += [name for each in tables for name in as_mapping(each)]
    if (requirements := _requirements(folder)) is not None:
        listed += (folder.text(requirements) or "").splitlines()
    return any(isinstance(each, str) and _is_pytest(each) for each in listed)


def _requirements(folder: Folder) -> str | None:
    names = (
        "requirements-dev.txt",
        "requirements-test.txt",
        "dev-requirements.txt",
        "test-requirements.txt",
        "requirements.txt",
    )
    return next(
        (name for name in names if any(map(_is_pytest, (folder.text(name) or "").splitlines()))), None
    )


def _is_pytest(requirement: str) -> bool:
    name = requirement.strip()
    return name.startswith("pytest") and not name[6:7].isalnum() and name[6:7] not in ("-", "_")


def _unittest_file(folder: Folder) -> str | None:
    """Return a test file that uses unittest, from this folder or its tests folder."""
    for inside in (folder, *_test_folders(folder)):
        for name in sorted(inside.files):
            if name.startswith("test") and name.endswith(".py") and "unittest" in (inside.text(name) or ""):
                return inside.shown(name)
    return None


def _test_folders(folder: Folder) -> list[Folder]:
    names = [name for name in ("test", "tests") if name in folder.folders]
    return [Folder(folder.path / name, folder.root, folder.unreadable) for name in names]
