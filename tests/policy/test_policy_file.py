"""Tests of the policy gate while its file is edited, broken, removed and restored."""

import pytest

from server.common.errors import Denied
from server.common.events import PolicyReloaded
from server.policy.values import Call
from tests.policy.conftest import GateHarness, Run
from tests.policy.tries import FIVE, tries


def test_a_broken_file_keeps_the_last_good_rules(harness: GateHarness, run: Run) -> None:
    harness.write_policy(FIVE.replace("5/", "1/"))

    async def story() -> None:
        async with harness.gate() as gate:
            assert await tries(gate, Call("work")) == "passed"
            harness.write_policy('version: "1"\ntools:\n  work:\n    rules: 7\n')
            assert await tries(gate, Call("work")) == "limited"
            error = harness.events[-1]
            assert isinstance(error, PolicyReloaded)
            assert "policy.yaml, line 4" in error.error
        async with harness.gate() as gate:
            assert await tries(gate, Call("work")) == "limited"
            harness.write_policy(FIVE)
            assert await tries(gate, Call("work")) == "passed"
            assert harness.events[-1] == PolicyReloaded(str(harness.folders.policy_file))

    run(story())


@pytest.mark.parametrize("broken", ["gone", "a link to nowhere"])
def test_a_policy_file_that_disappears_relaxes_nothing(harness: GateHarness, run: Run, broken: str) -> None:
    strict = 'version: "1"\ndefault: deny\ntools:\n  work: {rules: []}\n'
    policy_file = harness.folders.policy_file
    harness.write_policy(strict)

    async def story() -> None:
        async with harness.gate() as gate:
            assert await tries(gate, Call("other")) == "denied"
            policy_file.unlink()
            if broken != "gone":
                policy_file.symlink_to("elsewhere.yaml")
            assert (await tries(gate, Call("other")), await tries(gate, Call("work"))) == ("denied", "passed")
            loaded = gate.file.current()
            assert str(policy_file) in loaded.error
            assert loaded.until_then == "Until then the last valid rules apply."
            assert harness.events[-1] == PolicyReloaded(str(policy_file), loaded.error)
        async with harness.gate() as gate:
            # A file that is missing at the start of the app was removed on purpose.
            expected = "passed" if broken == "gone" else "denied"
            assert await tries(gate, Call("other")) == expected
            policy_file.unlink(missing_ok=True)
            harness.write_policy(strict)
            assert await tries(gate, Call("other")) == "denied"
            assert gate.file.current().error == gate.file.current().until_then == ""

    run(story())


def test_a_dangling_link_is_a_broken_file(harness: GateHarness, run: Run) -> None:
    async def story() -> None:
        async with harness.gate() as gate:
            assert await tries(gate, Call("work")) == "passed"
            harness.folders.policy_file.symlink_to("elsewhere.yaml")
            assert "cannot be read" in gate.file.current().error

    run(story())


def test_a_file_broken_from_the_start_denies_every_call(harness: GateHarness, run: Run) -> None:
    harness.write_policy("version: [")

    async def story() -> None:
        async with harness.gate() as gate:
            with pytest.raises(Denied, match=r"broken.*policy.yaml, line 1"):
                async with gate.enter(Call("work")):
                    pass
            assert gate.file.current().until_then == "Until then every call is denied."
            assert "hold" not in gate.file.current().error

    run(story())
