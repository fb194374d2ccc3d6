"""Tests that a model wrote: those that test nothing, or something else, are found."""

import pytest

from server.offload.checks.test_quality import check_tests
from tests.offload.plans import plan_of, source

pytestmark = pytest.mark.fast

STACK = source(
    "stack.py",
    "class Stack:\n    def pop(self):\n        raise IndexError\n\n\ndef make():\n    return Stack()\n",
)
TESTS = "Write pytest tests for the class Stack: that pop on an empty one raises IndexError."
RIGHT_TESTS = """import pytest
from stack import Stack


def test_pop():
    with pytest.raises(IndexError):
        Stack().pop()
"""


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        (RIGHT_TESTS, ""),
        (RIGHT_TESTS + "\n\nclass Stack:\n    pass\n", "defines Stack again"),
        (RIGHT_TESTS.replace("def test_pop", "def pop"), "begins with test_"),
        (RIGHT_TESTS + "\n\ndef test_more():\n    Stack()\n", "test_more asserts nothing"),
        (RIGHT_TESTS + "\n\ndef test_more():\n    assert True\n", "test_more asserts nothing"),
        (RIGHT_TESTS + "\n\ndef test_more():\n    check_all(Stack())\n", ""),
        (RIGHT_TESTS.replace("IndexError", "Exception"), "IndexError is raised"),
        (
            "import pytest\n\n\ndef test_it():\n    with pytest.raises(IndexError):\n        [].pop()\n",
            "never uses Stack",
        ),
        ("from stack import Stack\n\n\ndef test_it():\n    Stack()\n", "asserts nothing"),
    ],
)
def test_tests_test_what_they_should(after: str, fault: str) -> None:
    check = check_tests(plan_of(TESTS, "test_stack.py", STACK), after)
    assert check is not None
    assert check.passed is not bool(fault)
    assert fault in check.message
