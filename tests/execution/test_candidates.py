"""The best of several samples without examples: agreement, else a hand-back."""

from collections.abc import Sequence

import pytest

from server.execution.candidates import Choice, Draw, Rules, agreed
from server.execution.inputs import probe_calls
from server.execution.python.runtime import PythonRuntime
from server.execution.sandbox.find import Sandbox

pytestmark = pytest.mark.anyio

RIGHT = "def f(x):\n    return sorted(set(x))\n"
RIGHT_TOO = (
    "def f(x):\n    result = []\n    for y in sorted(x):\n        if y not in result:\n"
    "            result.append(y)\n    return result\n"
)
UNSORTED = "def f(x):\n    return list(dict.fromkeys(x))\n"
REPEATS = "def f(x):\n    return sorted(x)\n"
BROKEN = "def f(x):\n    return sorted(x\n"
RAISES = "def f(x):\n    raise RuntimeError\n"
PROBES = ("f([3, 1, 3])", "f([])")


class Samples:
    """Samples in a given order; counts those that were drawn."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = sources
        self.drawn = 0

    async def draw(self, number: int) -> str | None:
        self.drawn += 1
        return self.sources[number] if number < len(self.sources) else None


async def by_agreement(sandbox: Sandbox, *sources: str, samples: int = 6) -> Choice:
    draw: Draw = Samples(sources).draw
    return await agreed(draw, sandbox, PythonRuntime(), PROBES, rules=Rules(samples=samples))


@pytest.mark.parametrize(
    ("sources", "chosen", "drawn", "behaviours"),
    [
        pytest.param([RIGHT, RIGHT_TOO, RIGHT, RIGHT], RIGHT, 4, (4,), id="four-alike-decide-early"),
        pytest.param([REPEATS, RIGHT, RIGHT_TOO, RIGHT, RIGHT], RIGHT, 5, (4, 1), id="most-agree"),
        pytest.param(
            [BROKEN, RIGHT, RIGHT, RAISES, RIGHT], RIGHT, 5, (3,), id="what-does-not-run-counts-as-drawn"
        ),
        pytest.param(
            [RIGHT, UNSORTED, REPEATS, RAISES, RAISES], None, 5, (1, 1, 1), id="no-three-can-agree-any-more"
        ),
        pytest.param([RIGHT, REPEATS] * 3, None, 6, (3, 3), id="a-tie"),
        pytest.param([RIGHT, RIGHT_TOO], None, 2, (2,), id="two-are-not-enough"),
        pytest.param([RAISES] * 6, None, 4, (), id="errors-alone-are-no-behaviour"),
    ],
)
async def test_agreement(
    sources: list[str], chosen: str | None, drawn: int, behaviours: tuple[int, ...], sandbox: Sandbox
) -> None:
    choice = await by_agreement(sandbox, *sources)
    assert (choice.source, choice.samples, choice.behaviours) == (chosen, drawn, behaviours)
    assert choice.reason == ("agreement" if chosen else "no agreement")


async def test_a_hand_back_describes_the_samples(sandbox: Sandbox) -> None:
    choice = await by_agreement(sandbox, RIGHT, UNSORTED, REPEATS, samples=3)
    assert choice.detail == "2 samples, 2 behaviours; give examples, or do the task yourself."


async def test_one_sample_cannot_change_the_behaviour_of_the_next(sandbox: Sandbox) -> None:
    poison = "import builtins\nbuiltins.sorted = lambda x: ['poisoned']\ndef f(x):\n    return sorted(x)\n"
    choice = await by_agreement(sandbox, poison, RIGHT, RIGHT_TOO, RIGHT, RIGHT)
    assert (choice.source, choice.behaviours) == (RIGHT, (4, 1))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import numpy\ndef f(x):\n    return numpy.unique(x)\n", id="a-package"),
        pytest.param("def f(x):\n    return open('data.csv').read()\n", id="a-file"),
        pytest.param("from shop import f\n", id="a-module-of-the-project"),
    ],
)
async def test_samples_that_cannot_be_run_are_not_a_disagreement(source: str, sandbox: Sandbox) -> None:
    samples = Samples([source] * 6)
    choice = await agreed(samples.draw, sandbox, PythonRuntime(), PROBES)
    assert (choice.source, choice.reason, choice.samples) == (None, "not run", 1)


async def test_without_probes_nothing_is_drawn(sandbox: Sandbox) -> None:
    samples = Samples([RIGHT] * 6)
    assert (await agreed(samples.draw, sandbox, PythonRuntime(), ())).reason == "no probes"
    assert samples.drawn == 0


@pytest.mark.fast
def test_probes_come_from_calls_and_their_variations() -> None:
    calls = probe_calls("Call f([2, 1], 'a'), not g(1).", {"f"}, ["f([], 'b') == 3", "h(1)"])
    assert calls[:2] == ["f([], 'b')", "f([2, 1], 'a')"]
    assert "f([1, 2], 'a')" in calls
    assert "f([2, 1], '')" in calls
    assert not any("g(" in call or "h(" in call for call in calls)
    assert len(calls) == len(set(calls)) <= 24
