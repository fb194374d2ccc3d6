"""JavaScript and TypeScript behind a barrier: in Node, and in Deno without permissions."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from server.execution.python.facts import parse_fact
from server.execution.python.verdicts import encode_literal, holds
from server.execution.sandbox.run import run
from server.execution.sandbox.values import Limits
from server.execution.scripts.javascript import (
    LIMITS,
    Engine,
    deno_program,
    find_engine,
    javascript_job,
    javascript_records,
)
from tests.execution.sandbox.attack_time import brief
from tests.system import require

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
def deno() -> Engine:
    """Deno, which the dev group installs."""
    program = deno_program()
    assert program is not None
    return Engine("deno", program)


@pytest.fixture(params=["node", "deno"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    if request.param == "deno":
        found: Engine = request.getfixturevalue("deno")
        return found
    require("node")
    node = find_engine(typescript=False)
    assert node is not None
    return node


@pytest.fixture(autouse=True)
def secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable of the app that the code must not see."""
    monkeypatch.setenv("TOKEN_SAVER_SECRET", "CANARY")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server on this machine that the code must not reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def test_typescript_is_loaded_and_evaluated(deno: Engine, barrier: str) -> None:
    expressions = (
        "merge([{start: 3, end: 4}, {start: 1, end: 2}])",
        "new Point(3)",
        "hidden",
        "later(1)",
        "10n ** 20n",
    )
    (result,) = await run([javascript_job(deno, TYPESCRIPT, expressions, typescript=True)], barrier)
    load, *values, done = javascript_records(result)
    assert (load, done) == ({"record": "load", "printed": True}, {"record": "done"})
    assert holds(
        parse_fact("merge() == [{'start': 1, 'end': 2}, {'start': 3, 'end': 4}]"),
        values[0]["value"],
        encode_literal("[{'start': 1, 'end': 2}, {'start': 3, 'end': 4}]"),
    )
    assert [each["value"] for each in values[1:]] == [
        ["object", "javascript.Point", ["dict", [["x", ["int", "0x3"]]]]],
        ["object", "javascript.Map", [["a", ["object", "javascript.Set", [["float", "1.5"]]]]]],
        ["int", "0x2"],
        ["int", hex(10**20)],
    ]


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
async def test_a_module_that_does_not_load_says_why(
    source: str, kind: str, deno: Engine, barrier: str
) -> None:
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
    attack: str, deno: Engine, barrier: str, tmp_path: Path, listener: socket.socket
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
    assert records[0] == {"record": "load", "printed": False}
    assert not any(each["record"] == "value" for each in records)
    assert not [each for each in psutil.process_iter(["cmdline"]) if "61" in (each.info["cmdline"] or ())]


NODE_ATTACKS = {
    name: attack for name, attack in ATTACKS.items() if "Deno" not in attack and "deno" not in attack
} | {
    "read-through-proc": "(await import('node:fs')).readFileSync('/proc/self/root' + SECRET, 'utf8')",
    "parent's-environment": "(await import('node:fs')).readFileSync(`/proc/${process.ppid}/environ`, 'utf8')",
    "shell": "(await import('node:child_process')).execSync(`cat ${SECRET}; setsid sleep 61 &`).toString()",
    "worker-thread": "await new Promise((yes, no) => import('node:worker_threads').then(({Worker}) => "
    "new Worker(`require('fs').readFileSync(${JSON.stringify(SECRET)})`, {eval: true}).on('error', no)))",
    "inspector": "(await import('node:inspector')).open(0)",
}


@pytest.mark.parametrize("attack", NODE_ATTACKS.values(), ids=NODE_ATTACKS.keys())
async def test_nothing_gets_out_of_node(
    attack: str, barrier: str, tmp_path: Path, listener: socket.socket
) -> None:
    require("node")
    node = find_engine(typescript=False)
    assert node is not None
    secret = tmp_path / "secret.json"
    secret.write_text('"CANARY"')
    attack = attack.replace("PORT", str(listener.getsockname()[1]))
    source = f"const SECRET = {str(secret)!r};\nasync function attack() {{ return ({attack}); }}\n"
    (result,) = await run([brief(javascript_job(node, source, ("attack()",)))], barrier)
    assert b"CANARY" not in result.stdout + result.stderr
    assert secret.read_text() == '"CANARY"'
    listener.setblocking(False)
    with pytest.raises(BlockingIOError), contextlib.closing(listener):
        listener.accept()
    assert javascript_records(result)[0] == {"record": "load", "printed": False}
    assert not [each for each in psutil.process_iter(["cmdline"]) if "61" in (each.info["cmdline"] or ())]


async def test_time_and_memory_have_bounds(engine: Engine, barrier: str) -> None:
    brief = Limits(seconds=2, processes=64, open_files=256)
    endless = javascript_job(engine, "while (true) {}", limits=brief)
    greedy = javascript_job(
        engine,
        "const a = []; while (true) a.push(new Array(1e6).fill(1))",
        limits=replace(LIMITS, seconds=120, cpu_seconds=120),  # the memory ends it, also on a busy machine
    )
    first, second = await run([endless, greedy], barrier)
    assert first.ending == "timeout"
    assert second.ending in ("signal", "memory") or second.exit_status in (
        133,
        134,
    )  # 128 + SIGTRAP or SIGABRT
    assert not javascript_records(second)
