"""Every check of the app has a meaning that the pages show."""

import re
from pathlib import Path

import pytest

from server.offload.checks.meanings import MEANINGS
from server.offload.routing.shares import ROUTE
from server.offload.trial_runs.values import EXAMPLES, RUNS, SAMPLES, TESTS

pytestmark = pytest.mark.fast

SERVER = Path(__file__).parents[3] / "server"


def test_every_check_has_a_meaning() -> None:
    sources = [path.read_text(encoding="utf-8") for path in SERVER.rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'\bCheck\("([a-z ]+)"', source)}
    compared = (SERVER / "offload" / "compare" / "compare.py").read_text(encoding="utf-8")
    named |= set(re.findall(r'\), "([a-z]+)"$|lines, "([a-z]+)"$', compared, re.MULTILINE)[0]) - {""}
    assert len(named) > 10
    assert named | {RUNS, EXAMPLES, TESTS, SAMPLES, ROUTE} <= MEANINGS.keys()
