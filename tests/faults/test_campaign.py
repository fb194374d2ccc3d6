"""The short form of the campaign; ``python -m tests.faults --faults 300`` is the long one."""

from pathlib import Path

import pytest

from tests.faults.campaign import FAULTS, run_campaign
from tests.faults.consistency import find_faults
from tests.faults.scene import open_scene, value_file

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]


async def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        told = run_campaign(scene, clients=3, faults=10, pause=(0.2, 1.2), seed=20261121)
        assert await find_faults(scene, told) == []
    assert sum(told.faults.values()) == 10
    assert set(told.faults) <= set(FAULTS)
    assert told.promised, "no client got anything done between the faults"


async def test_the_check_itself_sees_what_is_lost(tmp_path: Path) -> None:
    """A promised file that is gone, one with foreign content, and a leftover: each is found."""
    with open_scene(tmp_path) as scene:
        told = run_campaign(scene, clients=2, faults=1, pause=(3.0, 3.5), seed=5)
        written = next(name for name in told.promised if name.startswith("v"))
        (scene.project / written).unlink()
        (scene.project / "v_torn.py").write_text("VALU")
        told.possible["v_torn.py"] = {None, value_file(1)}
        (scene.project / ".token-saver-000000000000").write_bytes(b"half")
        found = await find_faults(scene, told)
    assert f"{written} was promised, and is not there" in found
    assert "v_torn.py holds 'VALU'" in found
    assert ".token-saver-000000000000 was left behind" in found
