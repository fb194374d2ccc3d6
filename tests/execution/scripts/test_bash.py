"""Bash that is run: its output, its exit status, the files that it leaves."""

import pytest

from server.execution.candidates import agreed
from server.execution.python.facts import FactError
from server.execution.sandbox.find import Sandbox
from server.execution.scripts.bash_runtime import BashRuntime, bash_program
from tests.system import require

pytestmark = pytest.mark.anyio

ROTATE = """\
#!/usr/bin/env bash
set -u
if [ $# -ne 2 ]; then echo "usage: rotate.sh FILE N" >&2; exit 2; fi
[ -e "$1" ] || exit 0
for ((i = $2 - 1; i >= 1; i--)); do [ -e "$1.$i" ] && mv "$1.$i" "$1.$((i + 1))"; done
mv "$1" "$1.1"
"""
SLUG = 'slug() { local text=${1,,}; echo "${text// /-}"; }\n'


@pytest.fixture
def runtime() -> BashRuntime:
    """Bash of this machine."""
    require("bash")
    program = bash_program()
    assert program is not None
    return BashRuntime(program, "tools/rotate.sh")


@pytest.mark.parametrize(
    ("source", "fact", "verdict", "detail"),
    [
        pytest.param(SLUG, "slug 'A b' == 'a-b'", "passed", "", id="function"),
        pytest.param(SLUG, "slug 'A b' == ab", "failed", "`slug 'A b'` is 'a-b'", id="other output"),
        pytest.param(ROTATE, "raises 2: ./rotate.sh log", "passed", "", id="status"),
        pytest.param(ROTATE, "raises 3: bash rotate.sh log", "failed", "2: usage: rotate.sh FILE N",
                     id="other status"),
        pytest.param(ROTATE, "raises 1: rotate.sh log 2", "failed", "`rotate.sh log 2` raises nothing",
                     id="no failure"),
        pytest.param(ROTATE, "echo a > log; rotate.sh log 2; cat log.1 == 'a'", "passed", "", id="files"),
        pytest.param(ROTATE, "rotate.sh log 2", "passed", "", id="succeeds"),
        pytest.param("jq . x\n", "rotate.sh == 'a'", "not run", "the command `jq-of-nobody` is not installed",
                     id="missing program"),
    ],
)  # fmt: skip
async def test_facts(  # noqa: PLR0917 - the columns of the table
    source: str, fact: str, verdict: str, detail: str, runtime: BashRuntime, command_sandbox: Sandbox
) -> None:
    source = source.replace("jq .", "jq-of-nobody .")
    found = await runtime.check(command_sandbox, source, [runtime.parse_fact(fact)])
    assert [(each.verdict, each.detail) for each in found.facts] == [(verdict, detail)]


async def test_a_script_that_does_not_parse_fails(runtime: BashRuntime, command_sandbox: Sandbox) -> None:
    found = await runtime.check(command_sandbox, "if true; then\n")
    assert found.load.verdict == "failed"
    assert found.load.detail.startswith("It does not parse: ")


def test_what_is_no_command_line_is_an_error(runtime: BashRuntime) -> None:
    with pytest.raises(FactError):
        runtime.parse_fact("rotate.sh 'log == 1")


async def test_samples_are_compared_by_the_files_that_they_leave(
    runtime: BashRuntime, command_sandbox: Sandbox
) -> None:
    calls = runtime.probe_calls("", {"rotate.sh"}, ["./rotate.sh app.log 3", "echo nothing"])
    assert calls[0] == "rotate.sh app.log 3"
    assert any(call.startswith("printf 'one\\ntwo\\n' > app.log; rotate.sh") for call in calls)
    upwards = ROTATE.replace("i = $2 - 1; i >= 1; i--", "i = 1; i < $2; i++")
    no_message = ROTATE.replace(">&2", "")
    samples = iter([ROTATE, upwards, ROTATE.replace("set -u\n", ""), no_message, ROTATE])

    async def draw(_number: int) -> str | None:
        return next(samples, None)

    choice = await agreed(draw, command_sandbox, runtime, calls)
    assert (choice.source, choice.behaviours[0]) == (ROTATE, 3)


async def test_a_script_cannot_reach_the_machine(runtime: BashRuntime, command_sandbox: Sandbox) -> None:
    hostile = (
        "cat ~/.bashrc /etc/shadow; (exec 3<>/dev/tcp/127.0.0.1/22) && echo reached; setsid sleep 62 &\n"
    )
    result = await runtime.probe(command_sandbox, hostile, ["rotate.sh"])
    assert result is not None
    assert "reached" not in repr(result.records)
    assert "root:" not in repr(result.records)
