"""JavaScript and TypeScript in Deno, without permissions and behind a barrier."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.execution.python.facts import parse_fact
from server.execution.python.verdicts import encode_literal, holds
from server.execution.sandbox.deno import LIMITS, deno_program, javascript_job, javascript_records
from server.execution.sandbox.run import run
from server.execution.sandbox.values import Limits

pytestmark = pytest.mark.anyio

TYPESCRIPT = """
interface Slot { start: number; end: number }
console.log("printed");
export function merge(slots: Slot[]): Slot[] {
  return [...slots].sort((a, b) => a.start - b.start);
}
class Point { constructor(public x: number) {} }
const hidden = new Map<string, unknown>([["a", new Set([1.5])]]);
export const later = async (x: number) => x + 1;
"""


@pytest.fixture
def deno() -> Path:
    """Deno's program, which the dev group installs."""
    found = deno_program()
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable of the app that the code must not see."""
    monkeypatch.setenv("TOKEN_SAVER_SECRET", "CANARY")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on this machine that the code must not reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def test_typescript_is_loaded_and_evaluated(deno: Path, barrier: str) -> None:
    expressions = (
        "merge([{start: 3, end: 4}, {start: 1, end: 2}])",
        "new Point(3)",
        "hidden",
        "later(1)",
        "10n ** 20n",
    )
    (result,) = await run([javascript_job(deno, TYPESCRIPT, expressions, language="ts")], barrier)
    load, *values, done = javascript_records(result)
    assert (load, done) == ({"record": "load"}, {"record": "done"})
    assert holds(
        parse_fact("merge() == [{'start': 1, 'end': 2}, {'start': 3, 'end': 4}]"),
        values[0]["value"],
        encode_literal("[{'start': 1, 'end': 2}, {'start': 3, 'end': 4}]"),
    )
    assert [each["value"] for each in values[1:]] == [
        ["object", "javascript.Point", ["dict", [["x", ["int", "0x3"]]]]],
        ["dict", [["a", ["set", [["float", "1.5"]]]]]],
        ["int", "0x2"],
        ["int", hex(10**20)],
    ]
    assert b"printed" in result.stdout


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        pytest.param("throw new TypeError('no')", "javascript.TypeError", id="throws"),
        pytest.param("import x from 'npm:left-pad'", "javascript.TypeError", id="a-package"),
        pytest.param("import x from './missing.ts'", "javascript.TypeError", id="a-module-of-the-project"),
        pytest.param(
            "import x from 'https://127.0.0.1/x.ts'", "javascript.TypeError", id="a-module-of-the-network"
        ),
    ],
)
async def test_a_module_that_does_not_load_says_why(source: str, kind: str, deno: Path, barrier: str) -> None:
    (result,) = await run([javascript_job(deno, source, ("1",))], barrier)
    records = javascript_records(result)
    assert [each["record"] for each in records] == ["load"]
    assert records[0]["error"]["types"][0] == kind


ATTACKS = {
    "read": "Deno.readTextFileSync(SECRET)",
    "read-by-node": "(await import('node:fs')).readFileSync(SECRET, 'utf8')",
    "read-by-import": "await import(SECRET, {with: {type: 'json'}})",
    "write": "Deno.writeTextFileSync(SECRET, 'x')",
    "environment": "Deno.env.get('TOKEN_SAVER_SECRET') ?? nothing",
    "fetch": "await fetch('http://127.0.0.1:PORT/')",
    "socket": "await Deno.connect({port: PORT})",
    "node-socket": "await new Promise((_, no) => "
    "import('node:net').then(net => net.connect(PORT, '127.0.0.1').on('error', no)))",
    "program": "new Deno.Command('/bin/sleep', {args: ['61']}).spawn()",
    "node-program": "(await import('node:child_process')).execSync('sleep 61')",
    "foreign-code": "Deno.dlopen('libc.so.6', {getpid: {parameters: [], result: 'i32'}})",
    "more-rights": "await Deno.permissions.request({name: 'read'})"
    ".then(status => status.state === 'granted' ? 1 : nothing)",
    "worker": "new Worker('data:text/javascript,1', {type: 'module', deno: {permissions: {read: true}}})",
    "process-list": "Deno.readDirSync('/proc').next()",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_nothing_gets_out_of_deno(
    attack: str, deno: Path, barrier: str, tmp_path: Path, listener: socket.socket
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('"CANARY"')
    attack = attack.replace("PORT", str(listener.getsockname()[1]))
    source = f"const SECRET = {str(secret)!r};\nasync function attack() {{ return ({attack}); }}\n"
    (result,) = await run([javascript_job(deno, source, ("attack()",))], barrier)
    assert b"CANARY" not in result.stdout + result.stderr
    assert secret.read_text() == '"CANARY"'
    listener.setblocking(False)
    with pytest.raises(BlockingIOError), contextlib.closing(listener):
        listener.accept()
    records = javascript_records(result)
    assert records[0] == {"record": "load"}
    assert not any(each["record"] == "value" for each in records)
    assert not [each for each in psutil.process_iter(["cmdline"]) if "61" in (each.info["cmdline"] or ())]


async def test_time_and_memory_have_bounds(deno: Path, barrier: str) -> None:
    brief = Limits(seconds=2, processes=64, open_files=256)
    endless = javascript_job(deno, "while (true) {}", limits=brief)
    greedy = javascript_job(deno, "const a = []; while (true) a.push(new Array(1e6).fill(1))", limits=LIMITS)
    first, second = await run([endless, greedy], barrier)
    assert first.ending == "timeout"
    assert second.ending in ("signal", "memory") or second.exit_status == 133  # 128 + SIGTRAP, by bubblewrap
    assert not javascript_records(second)
