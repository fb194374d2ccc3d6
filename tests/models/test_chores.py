"""Chores that measure a model: right answers pass, wrong ones fail, and no answer does harm."""

import sys
from pathlib import Path

import pytest

from server.models.categories import CATEGORIES
from server.models.chore_run import run_python
from server.models.chores import check_answer, load_chores

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

RIGHT = {
    "slugify": "```python\nimport re\ndef slugify(text):\n"
    "    return re.sub(r'[^a-z0-9]+', '-', text.lower()).strip('-')\n```",
    "chunks": "def chunks(items, size):\n    if size < 1:\n        raise ValueError(size)\n"
    "    return [items[i:i + size] for i in range(0, len(items), size)]",
    "mend": "def median(numbers):\n    o = sorted(numbers)\n    m = len(o) // 2\n"
    "    return o[m] if len(o) % 2 else (o[m - 1] + o[m]) / 2",
    "durations": "import re\ndef parse_duration(text):\n"
    "    found = re.fullmatch(r'(?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)s)?', text)\n"
    "    if not text or not found:\n        raise ValueError(text)\n"
    "    h, m, s = (int(part or 0) for part in found.groups())\n    return h * 3600 + m * 60 + s",
    "tool-call": '{"tool": "run_tests", "path": "tests/test_login.py"}',
    "culprit": '```json\n{"line": 40, "file": "shop/cart.py"}\n```',
    "polite": "明日の会議は十時に始まります。資料は田中が用意します。",
    "question": "土曜日は十時に開きます。",
    "even-sum": "def even_sum(numbers):\n    return sum(n for n in numbers if n % 2 == 0)",
    "wareki": "def to_western(y):\n    if y < 1:\n        raise ValueError(y)\n    return y + 2018",
    "to-german": "Der Server wird jede Nacht um drei Uhr neu gestartet, und das Protokoll wird gelöscht.",
    "from-japanese": "This file cannot be opened because it is corrupted.",
    "log": "The disk of db-2 was full, so that it could not write and shut down.",
    "notes": "The release moves to Friday as the payment tests fail; the newsletter waits.",
    "extract": '{"name": "Ada Brook", "city": "Leeds", "age": 36}',
    "sort-out": "bug",
    "format": "2024-03-03\n2025-12-24\n2026-01-01",
}
WRONG = {
    "slugify": "def slugify(text):\n    return text.lower()",
    "chunks": "def chunks(items, size):\n    return [items[i:i + size] for i in range(0, len(items), size)]",
    "mend": "def median(numbers):\n    return sorted(numbers)[len(numbers) // 2]",
    "durations": "def parse_duration(text):\n    return int(text[:-1])",
    "tool-call": '{"tool": "read_file", "path": "tests/test_login.py"}',
    "culprit": "The mistake is in shop/cart.py, line 40.",
    "polite": "明日の会議は十時に始まる。資料は田中が用意する。",
    "question": "It opens at 十時.",
    "even-sum": "def even_sum(numbers):\n    return sum(numbers)",
    "wareki": "def to_western(year):\n    return year + 2018",
    "to-german": "The server is restarted every night at three, and the log is deleted.",
    "from-japanese": "このファイルは壊れています。",
    "log": "A web server served requests and a health check was ok.",
    "notes": "Mara opened the meeting. Lunch was discussed.",
    "extract": '{"name": "Ada", "city": "Leeds", "age": 36}',
    "sort-out": "It could be a bug or a question.",
    "format": "03.03.2024\n24.12.2025\n01.01.2026",
}


def test_every_category_has_a_chore_with_two_sample_answers() -> None:
    chores = load_chores()
    assert {chore.category for chore in chores} == set(CATEGORIES)
    assert {chore.name for chore in chores} == set(RIGHT) == set(WRONG)


@pytest.mark.parametrize("chore", load_chores(), ids=lambda chore: chore.name)
async def test_right_answer_passes_and_wrong_one_fails(chore) -> None:  # type: ignore[no-untyped-def]
    assert await check_answer(chore, RIGHT[chore.name]) == ""
    assert await check_answer(chore, WRONG[chore.name])
    assert await check_answer(chore, "")
    assert await check_answer(chore, "<think>What might that be?") == "empty"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.system('true')",
        "open('x', 'w')",
        "__import__('os')",
        "from random import _os",
        "import random\nrandom._os.getcwd()",
        "import typing\ntyping.sys.modules",
        "from dataclasses import sys",
        "().__class__.__base__",
        "class A:\n    pass\nA().__dict__",
        "eval('1')",
        "from . import x",
        "import operator\noperator.attrgetter('__globals__')",
        "from operator import methodcaller",
        "import typing\ntyping.get_type_hints(len)",
        "import string\nstring.Formatter()",
        "import enum\nenum.bltns",
        "def f():\n    pass\nmatch f:\n    case object(__globals__=found):\n        pass",
        "class A:\n    pass\nmatch A():\n    case A(__class__=found):\n        pass",
    ],
)
async def test_code_beyond_plain_computing_is_not_run(code: str) -> None:
    assert (await run_python(code, "")).startswith("not run, because it uses ")


async def test_code_runs_alone_in_an_empty_folder_that_is_removed(tmp_path: Path) -> None:
    code = "class Box:\n    def __init__(self):\n        self._size = 2\n"
    assert await run_python(code, "assert Box()._size == 2") == ""
    look = "import os; assert os.listdir() == [] and 'HOME' not in os.environ"
    assert await run_python("", look) == ""
    if sys.platform != "win32":  # Windows has no such limits
        assert await run_python("", f"with open({str(tmp_path / 'x')!r}, 'w') as file: file.write('x')")


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "def (", "\0", "raise SystemExit(0)"],
    ids=["exception", "syntax-error", "null-byte", "exit"],
)
async def test_code_that_fails_is_wrong(code: str) -> None:
    assert await run_python(code, "")


async def test_reason_names_the_failed_statement() -> None:
    verify = 'assert double(2) == 4\nassert double("a") == "aa"'
    assert await run_python("def double(x):\n    return x * 3", verify) == "fails: assert double(2) == 4"
    raising = await run_python("def double(x):\n    return x + 2", verify)
    assert raising.startswith("TypeError: ")
    assert raising.endswith(' in: assert double("a") == "aa"')
    assert await run_python("def double(x:\n", verify) == "does not parse: '(' was never closed, line 1"
    assert await run_python("def halve(x):\n    return x / 2", verify) == (
        "NameError: name 'double' is not defined in: assert double(2) == 4"
    )
