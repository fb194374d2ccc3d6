"""Recommendations on simulated machines, against what people run for chores in autumn 2026.

The table in ``docs/models.md`` lists the same machines; ``docs/generate.py`` writes it.
"""

import pytest

from server.backends.base import InstalledModel
from server.config.folders import find_folders
from server.models.catalogue import load_catalogue
from server.models.evidence import Evidence
from server.models.machines import COMMON, MACHINES, SimulatedMachine, line_of, recommended
from server.models.recommend import GIB, RESERVE, recommend
from server.models.selector import SelectorSettings

pytestmark = pytest.mark.fast

NONE = SelectorSettings()


@pytest.mark.parametrize("simulated", MACHINES, ids=lambda each: each.name)
def test_each_machine_gets_what_people_run_or_a_reason_with_a_figure(simulated: SimulatedMachine) -> None:
    ranked = recommended(simulated)
    usual = COMMON[simulated.memory]
    assert ranked[0].fits
    if ranked[0].model.name in usual:
        return
    for each in ranked:
        if each.model.name in usual:
            assert not each.fits or each.slow, each.line
            assert "GB short" in each.line or "slow" in each.line


@pytest.mark.parametrize("simulated", MACHINES, ids=lambda each: each.name)
def test_shared_memory_keeps_a_reserve(simulated: SimulatedMachine) -> None:
    [first, *_] = recommended(simulated)
    if not any(not gpu.unified for gpu in simulated.machine.gpus):
        assert first.left >= min(RESERVE, simulated.machine.ram_total // 8)
    if simulated.name == "CPU only, 24 GB":
        assert all(each.left >= 2 * GIB for each in recommended(simulated) if each.fits)


@pytest.mark.parametrize("simulated", MACHINES, ids=lambda each: each.name)
def test_a_toy_is_never_first_however_well_it_did(simulated: SimulatedMachine) -> None:
    toys = (InstalledModel("smollm2:135m", 270_000_000, "134.52M"), InstalledModel("tiny", 98_000_000))
    proved = {"smollm2:135m": Evidence(1.0, 500.0), "tiny": Evidence(1.0, 500.0)}
    catalogue = load_catalogue(find_folders())
    ranked = recommend(simulated.machine, toys, catalogue, NONE, "coding", evidence=proved)
    assert not ranked[0].model.is_toy
    assert {each.model.name for each in ranked[-3:]} >= {"smollm2:135m", "tiny"}


def test_the_lines_name_size_and_licence() -> None:
    for simulated in MACHINES:
        assert line_of(simulated).count("|") == 7
