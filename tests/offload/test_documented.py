"""Docstrings, comments and type hints: the code beside them must not change."""

from dataclasses import replace

import pytest

from server.offload.documented import check_documented
from tests.offload.plans import plan_of, source

SHOP = source(
    "shop.py",
    "TAX = 2\n\n\ndef total(items):\n    return sum(items)\n\n\n"
    "class Cart:\n    def add(self, item):\n        pass\n",
)
DOCUMENTED = (
    'TAX = 2\n\n\ndef total(items):\n    """Return the sum."""\n    return sum(items)\n\n\n'
    'class Cart:\n    """A cart."""\n    def add(self, item):\n        """Add an item."""\n'
)


@pytest.mark.parametrize(
    ("task", "after", "fault"),
    [
        ("Add a docstring to every function.", DOCUMENTED, ""),
        ("Add docstrings to the class and its methods. Keep the code as it is.", DOCUMENTED, ""),
        (
            "Add a docstring to every function.",
            DOCUMENTED.replace("sum(items)", "sum(items) * TAX"),
            "code itself",
        ),
        (
            "Add a docstring to every function.",
            DOCUMENTED.replace('    """Return the sum."""\n', ""),
            "total has no",
        ),
        (
            "Add docstrings to the class and its methods.",
            DOCUMENTED.replace('        """Add an item."""\n', "        pass\n"),
            "Cart.add has no",
        ),
        (
            "Add docstrings to all public functions.",
            DOCUMENTED.replace('    """Return the sum."""\n', ""),
            "",
        ),
        ("Add comments to total.", SHOP.text.replace("def total", "# adds up\ndef total"), ""),
        (
            "Add type hints to all functions. Change nothing else.",
            "from typing import Any\nfrom collections import *\n\nTAX: int = 2\n\n\n"
            "def total(items: list[int]) -> int:\n"
            "    return sum(items)\n\n\n"
            "class Cart:\n    def add(self, item: Any) -> None:\n        pass\n",
            "",
        ),
        (
            "Add type hints to all functions.",
            SHOP.text.replace("(items)", "(items: list, n: int)", 1),
            "code itself",
        ),
        (
            "Add a function twice with a docstring.",
            DOCUMENTED + "\n\ndef twice(x):\n    return 2 * x\n",
            None,
        ),
        ("Add docstrings and rename total to sum_up.", DOCUMENTED.replace("total", "sum_up"), None),
        ("Make total return an int.", DOCUMENTED.replace("sum(items)", "int(sum(items))"), None),
    ],
)
def test_texts_beside_the_code_leave_the_code_alone(task: str, after: str, fault: str | None) -> None:
    check = check_documented(plan_of(task, "shop.py", SHOP), SHOP, after)
    if fault is None:
        assert check is None
    else:
        assert check is not None
        assert check.passed is not bool(fault)
        assert fault in check.message


def test_only_the_selection_has_to_be_documented() -> None:
    start = SHOP.text.index("class Cart")
    edited = replace(SHOP, start=start, end=len(SHOP.text), selection="Cart")
    after = DOCUMENTED.replace('    """Return the sum."""\n', "")
    check = check_documented(plan_of("Add a docstring to each method.", "shop.py", edited), edited, after)
    assert check is not None
    assert check.passed


def test_comments_in_another_language_leave_the_code_alone() -> None:
    old = source("lib.js", "function sum(a) {\n  return a.length;\n}\n")
    plan = plan_of("Add a JSDoc comment above each function.", "lib.js", old)
    good, bad = "/** Adds. */\n" + old.text, "/** Adds. */\n" + old.text.replace("length", "size")
    assert [check_documented(plan, old, text).passed for text in (good, bad)] == [True, False]  # type: ignore[union-attr]
