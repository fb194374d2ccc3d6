"""New code: it is kept as written; certain mistakes are refused, likely ones are noticed."""

import pytest

from server.offload.checks.run import check_answer
from server.offload.values import Generation
from tests.offload.plans import plan_of, source

pytestmark = pytest.mark.fast

CODE = "def twice(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("added", "noticed"),
    [
        ("\n# Try it\nprint(twice(2))  # 4\nprint(twice(3))\n", True),
        ("\ntry:\n    print(twice('a'))\nexcept TypeError as e:\n    print(e)\n", True),
        ("\nprint(twice(2))\nSIZE = 1\n", False),
        ('\nif __name__ == "__main__":\n    print(twice(2))\n', False),
    ],
    ids=["calls at the end", "a call in a try", "more code after them", "a main block"],
)
def test_calls_that_only_try_out_the_code_are_noticed(added: str, *, noticed: bool) -> None:
    answer = Generation(f"```python\n{CODE}{added}```", "", "stop", 1, 1)
    verdict = check_answer(plan_of("Write twice(x).", "out.py"), answer)
    assert verdict.text == CODE + added
    assert bool(verdict.notices) == noticed


@pytest.mark.parametrize(
    ("code", "slip"),
    [
        ("def f(text):\n    return text.replace('[^a-z]', '')\n", "literally"),
        ("def f(text):\n    return text.replace('[x]', '')\n", ""),
        ("def f(text):\n    return text.replace(r'\\sigma', 's')\n", ""),
        ("def f(table):\n    return table.name.str.replace('[^a-z]', '')\n", ""),
        ("def f(items):\n    rows = list(items)\n    return rows.sort()\n", "returns None"),
        ("def f(table):\n    return table.sort()\n", ""),
    ],
)
def test_likely_mistakes_are_noticed(code: str, slip: str) -> None:
    answer = Generation(f"```python\n{code}```", "", "stop", 1, 1)
    verdict = check_answer(plan_of("Write f.", "out.py"), answer)
    assert verdict.passed
    assert slip in " ".join(notice.text for notice in verdict.notices)
    assert bool(verdict.notices) == bool(slip)


def test_a_dataclass_that_cannot_be_created_is_refused() -> None:
    code = "from dataclasses import dataclass\n\n\n@dataclass\nclass A:\n    x: list = []\n"
    answer = Generation(f"```python\n{code}```", "", "stop", 1, 1)
    failure = check_answer(plan_of("Write A.", "out.py"), answer).failure
    assert failure is not None
    assert failure.code == "pitfall"
    assert "default_factory" in failure.message


def test_an_existing_mistake_does_not_count_against_an_edit() -> None:
    old = source("a.py", "def f(text):\n    return text.replace('[^a-z]', '')\n")
    answer = '```python\ndef f(text):\n    """Clean."""\n    return text.replace(\'[^a-z]\', \'\')\n```'
    assert check_answer(plan_of("Document f.", "a.py", old), Generation(answer, "", "stop", 1, 1)).passed
