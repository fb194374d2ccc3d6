"""Pinned versions of the test suite, and upper bounds of the direct dependencies."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.fast

PYPROJECT: dict[str, Any] = tomllib.loads(
    (Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
)
CONSTRAINTS = map(Requirement, PYPROJECT["tool"]["uv"]["constraint-dependencies"])
PINS: dict[str, list[Requirement]] = {}
for pin in CONSTRAINTS:
    PINS.setdefault(canonicalize_name(pin.name), []).append(pin)
RUNTIME = [Requirement(line) for line in PYPROJECT["project"]["dependencies"]]
GROUPS = [Requirement(line) for group in PYPROJECT["dependency-groups"].values() for line in group]
BUILD = [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]
REPIN = "run `uv run --no-project python .ci/pins.py write`, then `uv sync`"


@pytest.mark.parametrize("requirement", [*RUNTIME, *GROUPS, *BUILD], ids=lambda requirement: requirement.name)
def test_a_direct_dependency_has_an_upper_bound(requirement: Requirement) -> None:
    assert re.search(r"<|==|~=", str(requirement.specifier)), f"{requirement.name} has no upper bound"


@pytest.mark.parametrize("requirement", [*RUNTIME, *GROUPS], ids=lambda requirement: requirement.name)
def test_a_direct_dependency_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    exact = [
        specifier for pin in PINS.get(canonicalize_name(requirement.name), ()) for specifier in pin.specifier
    ]
    assert {specifier.operator for specifier in exact} == {"=="}, REPIN
    assert any(specifier.version in requirement.specifier for specifier in exact), REPIN


def test_the_installed_versions_are_the_pinned_ones() -> None:
    installed = dict(_installed([*RUNTIME, *GROUPS]))
    assert len(installed) > 80
    other = {name: version for name, version in installed.items() if not _is_pinned(name, version)}
    assert other == {}, REPIN


def test_the_pins_name_versions_and_no_index() -> None:
    assert all(pin.url is None for pins in PINS.values() for pin in pins)
    # Markers serve only to distinguish two versions of one package.
    assert all(len(pins) == 1 or all(pin.marker for pin in pins) for pins in PINS.values())
    assert "index" not in PYPROJECT["tool"]["uv"]
    assert "sources" not in PYPROJECT["tool"]["uv"]


def _is_pinned(name: str, version: str) -> bool:
    here = [pin for pin in PINS.get(name, ()) if pin.marker is None or pin.marker.evaluate()]
    return [str(pin.specifier) for pin in here] == [f"=={version}"]


def _installed(requirements: list[Requirement]) -> Iterator[tuple[str, str]]:
    """Yield name and version of all installed packages that ``requirements`` lead to on this system."""
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # the group e2e is installed when a test first needs it
        for wanted in ("", *requirement.extras):
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            yield name, found.version
            waiting += [(Requirement(line), wanted) for line in found.requires or ()]
