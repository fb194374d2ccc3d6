"""What a task says in plain words, held against what came: faults are found, what is right passes."""

import pytest

from server.offload.checks.requirements import check_asked
from server.offload.values import Source
from tests.offload.plans import plan_of, source

pytestmark = pytest.mark.fast


def asked(task: str, after: str, output: str = "out.py", *sources: Source) -> list[str]:
    """Return what is wrong with ``after``."""
    checks = check_asked(plan_of(task, output, *sources), after)
    return [check.message for check in checks if check is not None and not check.passed]


FIND = "Write a function find_index(values, target) that returns the index of target in values, or -1."


@pytest.mark.parametrize(
    ("task", "after", "fault"),
    [
        (FIND, "def find_index(values, target):\n    return values.index(target)", ""),
        (FIND, "def find_index(values, target, low=0):\n    return values.index(target, low)", ""),
        (FIND, "def find(values, target):\n    return 1", "does not define"),
        (FIND, "def find_index(target, values):\n    return values.index(target)", "takes (target, values)"),
        (FIND, "def find_index(values, target, low):\n    return values.index(target)", "takes (values,"),
        (FIND, "def find_index(values, target):\n    return len(values)", "never uses its parameter target"),
        (FIND, "def find_index(values, target):\n    print(values.index(target))", "returns nothing"),
        (
            "Write a function handler(event, context) that returns the name of event.",
            "def handler(event, context):\n    return event['name']",
            "",
        ),  # a callback may ignore what it is given
        ("Write a function greet().", "def greet(name):\n    return name", ""),  # the brackets are only habit
        (
            "Write a function top(items, n=3) that returns the n first items.",
            "def top(items, n=3):\n    return items[:n]",
            "",
        ),
        (
            "Write a function size(x: list[int]) -> int that returns the length of x.",
            "def size(x):\n    return len(x)",
            "",
        ),
        (
            "Write a method put(key, value) of class Box.",
            "class Box:\n    def put(self, key, value):\n        self.key = value",
            "",
        ),
        (
            "Write a function items(n) that returns numbers up to n.",
            "def items(n):\n    yield from range(n)",
            "",
        ),
        (
            "Write a function check(x). Raise ValueError if x is negative.",
            "def check(x):\n    assert x > 0",
            "'ValueError'",
        ),
        (
            "Write a function check(x). Raise a ValueError for less.",
            "def check(x):\n    raise ValueError",
            "",
        ),
        ("Write a function check(x) that does not raise KeyError.", "def check(x):\n    return x", ""),
        (
            "Write check(x); raise ValueError with the message 'too small'.",
            "def check(x):\n    raise ValueError('small')",
            "'too small'",
        ),
    ],
)
def test_new_python(task: str, after: str, fault: str) -> None:
    found = asked(task, after)
    assert (fault in found[0]) if fault else not found, found


def test_a_parameter_that_an_edit_adds_is_there_and_used() -> None:
    old = source("people.py", "def names(people):\n    return sorted(people)\n")
    task = "Add a keyword parameter reverse=False to names; when it is true, sort in descending order."
    assert asked(task, old.text, "people.py", old) == [
        "names has no parameter reverse, which the task asks for."
    ]
    unused = "def names(people, reverse=False):\n    return sorted(people)\n"
    assert asked(task, unused, "people.py", old) == ["names never uses its parameter reverse."]
    right = "def names(people, *, reverse=False):\n    return sorted(people, reverse=reverse)\n"
    assert asked(task, right, "people.py", old) == []


def test_an_edit_may_change_the_signature_that_it_names() -> None:
    old = source("a.py", "def f(x):\n    return x\n")
    task = "Let the function f(x) take a second number y and return the sum."
    assert asked(task, "def f(x, y):\n    return x + y\n", "a.py", old) == []


@pytest.mark.parametrize(
    ("after", "exports"),
    [
        ("export function clamp(a) { return a; }", True),
        ("function clamp(a) { return a; }\nmodule.exports = { clamp };", True),
        ("function clamp(a) { return a; }", False),
    ],
)
def test_what_shall_be_exported_is(after: str, exports: bool) -> None:
    assert (not asked("Write a function clamp(a). Export it.", after, "clamp.js")) is exports


def test_what_the_given_files_define_need_not_be_defined_again() -> None:
    given = source("parser.py", "def parse(text):\n    return text.split()\n")
    task = "Write a function count(text) that counts what the function parse(text) gives, and returns it."
    after = "from parser import parse\n\n\ndef count(text):\n    return len(parse(text))\n"
    assert asked(task, after, "count.py", given) == []
    assert "count" in asked(task, "from parser import parse\n", "count.py", given)[0]
