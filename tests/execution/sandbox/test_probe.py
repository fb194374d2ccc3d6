"""The probe: it accepts a sandbox only if hostile code was blocked."""

import sys
from dataclasses import replace

import pytest

from server.execution.sandbox import probe as probing
from server.execution.sandbox.find import Sandbox, Sandboxes
from server.execution.sandbox.probe import probe
from server.execution.sandbox.values import JobResult, PythonJob, Unavailable
from tests.execution.sandbox.users import Runner

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["python", "command"])
def test_both_barriers_hold_for_both_users(barrier: str, kind: str, runner: Runner) -> None:
    holds, reason, blocked = runner.probe(barrier, kind)
    assert (holds, reason) == (True, "")
    assert blocked >= 34


async def test_python_code_is_run_behind_a_proven_barrier() -> None:
    sandbox = await Sandboxes().find("python")
    assert isinstance(sandbox, Sandbox)
    (result,) = await sandbox.run([PythonJob("def f(x):\n    return x * 2\n", expressions=("f(4)",))])
    assert result.records[1]["value"] == ["int", "0x8"]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
async def test_without_a_sandbox_nothing_runs(platform: str) -> None:
    found = await Sandboxes(platform).find("python")
    assert isinstance(found, Unavailable)
    assert f"this is {platform}" in found.reason


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock exists only on Linux")
async def test_a_barrier_that_lets_one_attack_through_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def leaky(jobs: list[PythonJob], barrier: str) -> list[JobResult]:
        results = await real(jobs, barrier)
        if len(results) < 3:  # the endless job once more, on a busy machine
            return results
        leaked = results[1].stdout.replace(b'"read a secret": "blocked', b'"read a secret": "open')
        return [results[0], replace(results[1], stdout=leaked), results[2]]

    real = probing.run
    monkeypatch.setattr(probing, "run", leaky)
    proof = await probe("landlock", "python")
    assert not proof.holds
    assert proof.open == ("read a secret",)


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock exists only on Linux")
async def test_a_barrier_without_file_rules_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe runs with the whole file system readable, as on a kernel whose Landlock does nothing."""
    from server.execution.sandbox import run as running

    monkeypatch.setattr(running, "_interpreter", lambda: ["/"])
    proof = await probe("landlock", "python")
    assert not proof.holds
    assert {"read a secret", "list the folder of secrets"} <= set(proof.open)
    assert "write outside" in proof.blocked


async def test_a_report_that_is_cut_short_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_EXPECTED", {"python": 1000})
    proof = await probe("landlock", "python")
    assert not proof.holds
    assert "attempts" in proof.reason
