"""JavaScript that is run: loaded once, held to facts, compared with other samples."""

from pathlib import Path

import pytest

from server.execution.candidates import agreed
from server.execution.findings import CodeCheck
from server.execution.python.facts import FactError
from server.execution.sandbox.find import Sandbox
from server.execution.scripts import javascript_facts, javascript_text
from server.execution.scripts.javascript import Engine, find_engine
from server.execution.scripts.javascript_runtime import JavaScriptRuntime
from tests.execution.sandbox.attack_time import BriefSandbox
from tests.system import require

pytestmark = pytest.mark.anyio

BYTES = """
function formatBytes(bytes, digits = 1) {
  if (!Number.isFinite(bytes)) throw new TypeError("not a number");
  if (bytes < 1024) return `${bytes} B`;
  return `${(bytes / 1024).toFixed(digits)} KiB`;
}
module.exports = { formatBytes };
"""


@pytest.fixture
def runtime() -> JavaScriptRuntime:
    """JavaScript in Node."""
    require("node")
    engine = find_engine(typescript=False)
    assert engine is not None
    return JavaScriptRuntime(engine, path="src/bytes.js")


async def check(
    runtime: JavaScriptRuntime, sandbox: Sandbox, source: str, *facts: str, **files: str
) -> CodeCheck:
    given = {name.replace("__", "/") + ".js": text for name, text in files.items()}
    return await runtime.check(sandbox, source, [runtime.parse_fact(each) for each in facts], given)


@pytest.mark.parametrize(
    ("fact", "verdict", "detail"),
    [
        pytest.param("formatBytes(1536) === '1.5 KiB'", "passed", "", id="strictly equal"),
        pytest.param("formatBytes(5) == '5 B'", "passed", "", id="as in Python"),
        pytest.param("formatBytes(1) === '1 B '", "failed", "`formatBytes(1)` is '1 B'", id="other value"),
        pytest.param("raises TypeError: formatBytes('5')", "passed", "", id="raises"),
        pytest.param("throws RangeError: formatBytes('5')", "failed", "TypeError: not a number (line 3)",
                     id="throws another"),
        pytest.param("raises TypeError: formatBytes(5)", "failed", "`formatBytes(5)` raises nothing",
                     id="raises nothing"),
        pytest.param("formatBytes(2048, 2) === (2).toFixed(2) + ' KiB'", "passed", "", id="computed value"),
        pytest.param("new Map([[1, formatBytes(1)]]) === new Map([[1, '1 B']])", "passed", "", id="map"),
        pytest.param("formatBytes(1) === missing", "not run",
                     "the expected value is unavailable: missing is not defined", id="no expected value"),
        pytest.param("!formatBytes(1)", "failed", "`formatBytes(1)` is '1 B'", id="not"),
    ],
)  # fmt: skip
async def test_facts(
    fact: str, verdict: str, detail: str, runtime: JavaScriptRuntime, command_sandbox: Sandbox
) -> None:
    found = await check(runtime, command_sandbox, BYTES, fact)
    assert found.load.verdict == "passed"
    assert [(each.verdict, each.detail) for each in found.facts] == [(verdict, detail)]


@pytest.mark.parametrize(
    ("source", "verdict", "detail"),
    [
        pytest.param("export const f = async (x) => x + 1;", "passed", "", id="module"),
        pytest.param("const { g } = require('./help');\nfunction f() { return g(); }", "passed", "",
                     id="project's file"),
        pytest.param("import { g } from './help.js';\nexport function f() { return g(); }", "not run",
                     "it imports a name that the ", id="other kind of module"),
        pytest.param("const x = require('left-pad');", "not run", "the package `left-pad` is not installed",
                     id="package"),
        pytest.param("throw new RangeError('no');", "failed", "RangeError: no (line 1)", id="throws"),
        pytest.param("const a = 1;\nconst a = 2;", "failed", "SyntaxError", id="declared twice"),
        pytest.param("document.title = 'x';", "not run", "the name `document`", id="browser"),
        pytest.param("function f() { const inner = 1; }\ninner;", "failed", "ReferenceError",
                     id="other scope"),
        pytest.param("const f = () => <b/>;", "not run", "it has JSX", id="JSX"),
        pytest.param("require('fs').readFileSync('data.txt');", "not run", "it needs more than", id="file"),
    ],
)  # fmt: skip
async def test_loading(
    source: str, verdict: str, detail: str, runtime: JavaScriptRuntime, command_sandbox: Sandbox
) -> None:
    found = await check(runtime, command_sandbox, source, src__help="exports.g = () => 1;")
    assert (found.load.verdict, found.load.detail[: len(detail)]) == (verdict, detail)


async def test_an_endless_module_is_stopped(runtime: JavaScriptRuntime, command_sandbox: Sandbox) -> None:
    found = await check(runtime, BriefSandbox(command_sandbox.proof), "while (true) {}")
    assert found.load.verdict == "failed"
    assert found.load.detail.startswith("It did not end within its time")


@pytest.mark.parametrize(
    "source",
    [
        "module.exports = function twice(x) { return 2 * x; };",
        "module.exports = (x) => 2 * x;",
        "module.exports = { twice(x) { return 2 * x; } };",
        "exports.twice = (x) => 2 * x;",
        "export default (x) => 2 * x;",
        "export default function twice(x) { return 2 * x; }",
    ],
    ids=["named expression", "arrow", "method", "part", "default arrow", "default"],
)
async def test_a_function_is_found_by_its_export(
    source: str, runtime: JavaScriptRuntime, command_sandbox: Sandbox
) -> None:
    found = await check(runtime, command_sandbox, source, "twice(2) === 4", "twice(0) === 1")
    assert [each.verdict for each in found.facts] == ["passed", "failed"]
    assert set(runtime.definitions(source)) <= {"twice", javascript_text.ANONYMOUS} != set()
    emptied = runtime.emptied(source, set(runtime.definitions(source)))
    assert "2 * x" not in emptied


async def test_an_argument_that_is_changed_in_place_is_named(
    runtime: JavaScriptRuntime, command_sandbox: Sandbox
) -> None:
    source = "function top(items) { items.sort(); return items[items.length - 1]; }"
    found = await check(runtime, command_sandbox, source, "top([2, 1]) === 2")
    assert [each.changed for each in found.facts] == [(0,)]


async def test_an_engine_that_does_not_start_is_no_evidence(command_sandbox: Sandbox) -> None:
    runtime = JavaScriptRuntime(Engine("node", Path("/bin/false")))
    found = await check(runtime, command_sandbox, BYTES, "formatBytes(5) === '5 B'")
    assert (found.load.verdict, [each.verdict for each in found.facts]) == ("not run", ["not run"])
    result = await runtime.probe(command_sandbox, BYTES, ["formatBytes(5)"])
    assert result is not None
    assert result.ending == "not started"


async def test_code_that_forges_records_forges_no_expected_value(
    runtime: JavaScriptRuntime, command_sandbox: Sandbox
) -> None:
    source = """
    console.log("\\u001e" + JSON.stringify({record: "load"}));
    console.log("\\u001e" + JSON.stringify({record: "value", index: 0, value: ["int", "0x7"]}));
    process.exit(0);
    """
    found = await check(runtime, command_sandbox, source, "f() === 3")
    assert found.failed


@pytest.mark.parametrize(
    "text", ["f(1) +", "f(1) === 1 && g()", "3 === 3", "the sum of nothing is nothing"],
    ids=["no expression", "two comparisons", "no name", "prose"],
)  # fmt: skip
def test_what_is_no_fact_is_an_error(text: str) -> None:
    if text.startswith("f(1) === 1 &&"):
        assert javascript_facts.parse_fact(text).operator == "true"
        return
    with pytest.raises(FactError):
        javascript_facts.parse_fact(text)


def test_examples_are_found_in_a_task() -> None:
    task = "`formatBytes(0)` -> '0 B', formatBytes(1536) === '1.5 KiB'; formatBytes(x) -> x."
    found = javascript_facts.find_examples(task, {"formatBytes"})
    assert [(each.left, each.right) for each in found] == [
        ("formatBytes(0)", "'0 B'"),
        ("formatBytes(1536)", "'1.5 KiB'"),
    ]


def test_probes_come_from_proposed_calls_and_their_variations() -> None:
    calls = javascript_facts.probe_calls(
        "",
        {"group"},
        ["console.log(group([1, 2], x => x % 2));", "group([{k: 'x'}], 'k') === 3", "other(1)", "no call"],
    )
    assert calls[:2] == ["group([1, 2], x => x % 2)", "group([{k: 'x'}], 'k')"]
    assert """group([], 'k')""" in calls
    assert """group([{k: 'x'}], "K")""" in calls
    assert len(calls) == len(set(calls)) <= 24


def test_demonstrations_at_the_end_are_left_out() -> None:
    shown = "\n// Example\nconst result = formatBytes(1);\nconsole.log(result);\n"
    assert javascript_text.without_demonstrations(BYTES + shown, typescript=False).startswith(BYTES.rstrip())
    assert "console.log" not in javascript_text.without_demonstrations(BYTES + shown, typescript=False)
    assert javascript_text.without_demonstrations(BYTES, typescript=False) == BYTES


def test_an_emptied_module_keeps_its_other_functions() -> None:
    source = "const f = (x) => x;\nclass A { g() { return 1; } }\nexport function h() { return 2; }\n"
    assert javascript_text.emptied(source, {"f", "A"}, typescript=False) == (
        "const f = (x) => undefined;\nclass A { g() {} }\nexport function h() { return 2; }\n"
    )


async def test_samples_that_behave_alike_agree(runtime: JavaScriptRuntime, command_sandbox: Sandbox) -> None:
    right = "function f(x) { return [...new Set(x)].sort(); }"
    other = "const f = (x) => x.filter((y, i) => x.indexOf(y) === i).sort();"
    wrong = "function f(x) { return [...x].sort(); }"
    samples = iter([right, wrong, other, right, right])

    async def draw(_number: int) -> str | None:
        return next(samples, None)

    choice = await agreed(draw, command_sandbox, runtime, ["f([3, 1, 3])", "f([])"])
    assert (choice.source, choice.behaviours) == (right, (4, 1))


async def test_typescript_runs_in_deno(command_sandbox: Sandbox) -> None:
    engine = find_engine(typescript=True)
    assert engine is not None
    runtime = JavaScriptRuntime(engine, typescript=True, path="sum.ts")
    source = "export function sum(items: number[]): number { return items.reduce((a, b) => a + b, 0); }"
    facts = [runtime.parse_fact("sum([1, 2]) === 3"), runtime.parse_fact("sum([]) === 1")]
    found = await runtime.check(command_sandbox, source, facts)
    assert [each.verdict for each in found.facts] == ["passed", "failed"]
