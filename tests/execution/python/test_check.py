"""The check of new Python code: it is loaded once, facts are run, causes outside of the code do not count."""

import sys

import pytest

from server.execution.findings import CodeCheck
from server.execution.python.check import check_python
from server.execution.python.facts import parse_fact
from server.execution.sandbox.find import Sandbox
from server.execution.sandbox.values import Limits

pytestmark = pytest.mark.anyio

SLOTS = '''
from dataclasses import dataclass


@dataclass
class Slot:
    start: int
    end: int


def merge(slots):
    """Merge slots that overlap."""
    slots.sort()
    merged = []
    for start, end in slots:
        if start > end:
            raise ValueError("a slot ends before it starts")
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def slot(start, end):
    return Slot(start, end)


async def later(x):
    return x / 3
'''


async def check(sandbox: Sandbox, source: str, *facts: str, **options: object) -> CodeCheck:
    parsed = [parse_fact(fact) for fact in facts]
    return await check_python(sandbox, source, parsed, **options)  # type: ignore[arg-type]


async def test_facts_that_hold(sandbox: Sandbox) -> None:
    result = await check(
        sandbox,
        SLOTS,
        "merge([(1, 3), (2, 5)]) == [(1, 5)]",
        "[] == merge([])",
        "raises ValueError: merge([(3, 1)])",
        "len(merge([(1, 2), (4, 5)])) > 1",
        "slot(1, 2) == Slot(1, 2)",
        "slot(1, 2).start is not None",
        "later(1) == 1 / 3",
        "math.isclose(slot(1, 2).end, Decimal('2'))",
    )
    assert [(each.verdict, each.detail) for each in result.facts] == [("passed", "")] * 8
    assert result.facts[4].expected_from_code
    assert not result.facts[0].expected_from_code
    assert not result.failed
    assert "`merge([(1, 3), (2, 5)])` changes its argument in place." not in result.notices


async def test_a_changed_argument_is_a_notice(sandbox: Sandbox) -> None:
    result = await check(sandbox, SLOTS, "merge([(2, 5), (1, 3)]) == [(1, 5)]")
    assert result.facts[0].changed == (0,)
    assert result.notices == ("`merge([(2, 5), (1, 3)])` changes its argument in place.",)


@pytest.mark.parametrize(
    ("fact", "detail"),
    [
        pytest.param("merge([(1, 3), (2, 5)]) == [(1, 3)]", "is [(1, 5)]", id="another-value"),
        pytest.param("raises ValueError: merge([])", "raises nothing", id="no-error"),
        pytest.param("raises KeyError: merge([(3, 1)])", "ValueError: a slot ends", id="another-error"),
        pytest.param("merge(3) == []", "AttributeError", id="an-error-instead-of-a-value"),
        pytest.param("split([]) == []", "'split' is not defined", id="no-such-function"),
        pytest.param("slot(1, 2) == Slot(1, 3)", "Slot", id="another-object"),
        pytest.param("merge([(1, 2)]) == ((1, 2),)", "is [(1, 2)]", id="a-tuple-for-a-list"),
    ],
)
async def test_facts_that_do_not_hold(fact: str, detail: str, sandbox: Sandbox) -> None:
    result = await check(sandbox, SLOTS, fact)
    assert result.facts[0].verdict == "failed"
    assert detail in result.facts[0].detail
    assert result.failed


OUTSIDE = {
    "a-missing-package": ("import numpy\ndef f(x):\n    return x\n", "the package `numpy` is not installed"),
    "a-module-of-the-project": ("from app.models import User\ndef f(x):\n    return x\n", "of the project"),
    "a-relative-import": ("from . import other\ndef f(x):\n    return x\n", "its own package"),
    "a-name-of-the-host": ("def f(x):\n    return spark.read(x)\n", "provided by the program that runs it"),
    "a-file": ("def f(x):\n    return open('data.csv').read()\n", "needs the file `data.csv`"),
    "the-network": (
        "import urllib.request\ndef f(x):\n    return urllib.request.urlopen('http://127.0.0.1:1/').read()\n",
        "uses the network",
    ),
    "the-terminal": ("def f(x):\n    return input()\n", "reads from the terminal"),
    "a-program": (
        "import subprocess\ndef f(x):\n    return subprocess.run(['ls'])\n",
        "starts another process",
    ),
}


@pytest.mark.parametrize(("source", "cause"), OUTSIDE.values(), ids=OUTSIDE.keys())
async def test_a_cause_outside_of_the_code_is_not_run(source: str, cause: str, sandbox: Sandbox) -> None:
    result = await check(sandbox, source, "f(1) == 2", project_modules={"app"})
    assert result.facts[0].verdict == "not run"
    assert cause in result.facts[0].detail
    assert not result.failed


async def test_syntax_newer_than_the_interpreter_is_not_run(sandbox: Sandbox) -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("this interpreter reads type parameters")
    result = await check(
        sandbox, "def first[T](items: list[T]) -> T:\n    return items[0]\n", "first([1]) == 1"
    )
    assert (result.load.verdict, result.facts[0].verdict) == ("not run", "not run")
    assert "newer" in result.load.detail


BROKEN = {
    "syntax": ("def f(:\n    pass\n", "does not compile"),
    "raises-at-import": ("x = {}['missing']\ndef f(x):\n    return x\n", "KeyError: 'missing' (line 1)"),
    "a-name-of-another-scope": (
        "def g():\n    limit = 3\n    return limit\ndef f(x):\n    return x\nf(limit)\n",
        "'limit' is not defined",
    ),
    "ends-the-process": ("import os\nos._exit(0)\n", "ended its process while it was loaded"),
    "exits": ("import sys\nsys.exit(1)\n", "SystemExit"),
    "endless": ("while True:\n    pass\n", "did not end within its time while it was loaded"),
    "an-invented-part-of-the-library": ("from os import no_such_name\n", "ImportError"),
}


@pytest.mark.parametrize(("source", "detail"), BROKEN.values(), ids=BROKEN.keys())
async def test_code_that_does_not_load_fails(source: str, detail: str, sandbox: Sandbox) -> None:
    result = await check(sandbox, source, limits=Limits(seconds=2))
    assert result.failed
    assert detail in result.load.detail


async def test_a_name_that_only_another_scope_binds_is_wrong_without_being_run(sandbox: Sandbox) -> None:
    source = "def g():\n    limit = 3\n    return limit\n\ndef f(x):\n    return x + limit\n"
    result = await check(sandbox, source)
    assert (result.load.verdict, result.names.elsewhere, result.failed) == ("passed", ("limit",), True)


async def test_effects_at_import_are_noticed(sandbox: Sandbox) -> None:
    source = (
        "import socket, threading, time\nprint('hi')\nopen('out.txt', 'w').write('x')\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9))\nexcept OSError:\n    pass\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    load = (await check(sandbox, source)).load
    assert (load.verdict, load.printed, load.files, load.threads) == ("passed", True, ("out.txt",), 1)
    assert load.attempts == ("use the network", "write a file")


async def test_an_endless_fact_does_not_count_against_the_next(sandbox: Sandbox) -> None:
    source = "def f(x):\n    while x:\n        pass\n    return 0\n"
    result = await check(sandbox, source, "f(0) == 0", "f(1) == 0", "f(0) == 0", limits=Limits(seconds=2))
    assert [each.verdict for each in result.facts] == ["passed", "failed", "not run"]
    assert "did not end within its time" in result.facts[1].detail


FORGERIES = {
    "equal-to-everything": "class Yes:\n    def __eq__(self, other):\n        return True\n"
    "def f(x):\n    return Yes()\n",
    "a-list-that-equals": "class Yes(list):\n    def __eq__(self, other):\n        return True\n"
    "def f(x):\n    return Yes()\n",
    "a-number-that-equals": "class Yes(int):\n    def __eq__(self, other):\n        return True\n"
    "    __hash__ = int.__hash__\ndef f(x):\n    return Yes(3)\n",
    "exit-status": "import os\ndef f(x):\n    os._exit(0)\n",
    "stdout": 'def f(x):\n    print(\'{"record": "value", "index": 0, "value": 42}\')\n    return 0\n',
    "the-channel": "import json, os\ndef f(x):\n    os.write(3, json.dumps({'record': 'value', 'index': 0, "
    "'value': 'passed', 'verdict': 'passed', 'passed': True}).encode() + b'\\n')\n    os._exit(0)\n",
    "the-encoder": "import json, sys\ndef f(x):\n    json.dumps = lambda value: 'passed'\n"
    "    frame = sys._getframe()\n    while frame:\n"
    "        frame.f_globals['encode'] = lambda value: ['int', '0x7']\n        frame = frame.f_back\n"
    "    return 0\n",
    "builtins": "import builtins\nbuiltins.isinstance = lambda *_: True\ndef f(x):\n    return 0\n",
    "errors": "class ValueError(Exception):\n    __module__ = 'builtins'\ndef f(x):\n    raise ValueError\n",
}


@pytest.mark.parametrize("source", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_result_cannot_be_forged(source: str, sandbox: Sandbox) -> None:
    result = await check(sandbox, source, "f(1) == 42", "raises ValueError: f(1)")
    assert "passed" not in [each.verdict for each in result.facts]


async def test_expected_values_never_enter_the_process_of_the_code(sandbox: Sandbox) -> None:
    source = (
        "import gc, sys\nfrom fractions import Fraction\n"
        "def f(x):\n    seen = repr([o for o in gc.get_objects() if isinstance(o, (list, dict, tuple))])\n"
        "    return '73521' in seen.replace(str(x), '')\n"
    )
    result = await check(sandbox, source, "f(1) == 73521", "f(1) == Fraction(73521)")
    assert [each.detail for each in result.facts] == ["`f(1)` is False"] * 2


async def test_state_changed_by_one_fact_is_visible_to_the_next(sandbox: Sandbox) -> None:
    source = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n"
    result = await check(sandbox, source, "f(1) == 1", "f(1) == 2")
    assert [each.verdict for each in result.facts] == ["passed", "passed"]
