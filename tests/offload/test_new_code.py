"""New code: calls that only try it out are taken away, certain slips are found."""

import pytest

from server.offload.checks.run import check_answer
from server.offload.values import Generation
from tests.offload.plans import plan_of, source

pytestmark = pytest.mark.fast

CODE = "def twice(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("task", "answer", "result"),
    [
        ("Write twice(x).", CODE + "\n# Try it\nprint(twice(2))  # 4\nprint(twice(3))\n", CODE),
        (
            "Write twice(x).",
            CODE + "\ntry:\n    print(twice('a'))\nexcept TypeError as e:\n    print(e)\n",
            CODE,
        ),
        ("Write twice(x), and print twice(2).", CODE + "\nprint(twice(2))\n", CODE + "\nprint(twice(2))\n"),
        ("Write twice(x).", CODE + "\nprint(twice(2))\nSIZE = 1\n", CODE + "\nprint(twice(2))\nSIZE = 1\n"),
        ("Write twice(x).", 'import sys\n\nprint("hello")\n', 'import sys\n\nprint("hello")\n'),
    ],
)
def test_calls_that_only_try_the_code_out_are_taken_away(task: str, answer: str, result: str) -> None:
    verdict = check_answer(plan_of(task, "out.py"), Generation(f"```python\n{answer}```", "", "stop", 1, 1))
    assert verdict.text == result


@pytest.mark.parametrize(
    ("code", "slip"),
    [
        (
            "from dataclasses import dataclass\n\n\n@dataclass\nclass A:\n    x: list = []\n",
            "default_factory",
        ),
        ("def f(text):\n    return text.replace('[^a-z]', '')\n", "literally"),
        ("def f(text):\n    return text.replace('[x]', '')\n", ""),
        ("def f(table):\n    return table.name.str.replace('[^a-z]', '')\n", ""),
        ("def f(items):\n    rows = list(items)\n    return rows.sort()\n", "gives None"),
        ("def f(table):\n    return table.sort()\n", ""),
    ],
)
def test_slips_that_are_wrong_whatever_was_meant(code: str, slip: str) -> None:
    verdict = check_answer(
        plan_of("Write f.", "out.py"), Generation(f"```python\n{code}```", "", "stop", 1, 1)
    )
    failure = verdict.failure
    assert (failure.code if failure else "") == ("pitfall" if slip else "")
    assert slip in (failure.message if failure else "")


def test_a_slip_that_was_there_before_is_not_held_against_an_edit() -> None:
    old = source("a.py", "def f(text):\n    return text.replace('[^a-z]', '')\n")
    answer = '```python\ndef f(text):\n    """Clean."""\n    return text.replace(\'[^a-z]\', \'\')\n```'
    assert check_answer(plan_of("Document f.", "a.py", old), Generation(answer, "", "stop", 1, 1)).passed
