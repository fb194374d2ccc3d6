"""Tests of the fault campaign's short form; ``python -m tests.faults --faults 400`` is the long one."""

from pathlib import Path

import pytest

from tests.faults.attacks import Attacker
from tests.faults.campaign import Told, run_campaign
from tests.faults.consistency import find_faults
from tests.faults.crowd import Crowd
from tests.faults.engine import value_file
from tests.faults.scene import open_scene

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(900)]


KINDS = (
    "hub killed",
    "bridge killed",
    "client gone",
    "engine killed",
    "engine flapping",
    "engine out of memory",
    "engine answers garbage",
    "disk full",
    "clock set",
    "machine asleep",
)
"""The quickest faults; the long form uses all."""

SEED = 20261121


async def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        told = Told()
        with Crowd(scene, told, SEED, clients=12), Attacker(scene, told, SEED) as attacker:
            run_campaign(
                scene, clients=3, faults=len(KINDS), pause=(0.1, 0.6), seed=SEED, kinds=KINDS, told=told
            )
        assert attacker.breaches == []
        assert await find_faults(scene, told) == []
    assert sum(told.faults.values()) == len(KINDS)
    assert told.promised, "no client got anything done between the faults"


async def test_the_check_detects_losses(tmp_path: Path) -> None:
    """It finds a missing file, a file with foreign content, and a leftover."""
    told = Told()
    with open_scene(tmp_path) as scene:
        task = "Write a module that holds the value 7."
        assert scene.call("offload_work", {"task": task, "output": "v7.py"}).delivered
        told.possible["v7.py"] = {None, value_file(7)}
        told.promised["v7.py"] = value_file(7)
        (scene.project / "v7.py").unlink()
        (scene.project / "v_torn.py").write_text("VALU")
        told.possible["v_torn.py"] = {None, value_file(1)}
        (scene.project / ".token-saver-000000000000").write_bytes(b"half")
        found = await find_faults(scene, told)
    assert "v7.py was promised, and is not there" in found
    assert "v7.py: the history says delivered" in found
    assert "v_torn.py holds 'VALU'" in found
    assert ".token-saver-000000000000 was left behind" in found
