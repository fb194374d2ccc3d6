"""Docstrings, comments and type hints: the code beside them must not change."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.offload.checks.comment_only import check_documented
from server.offload.checks.run import check_edit
from tests.offload.plans import plan_of, source
from tests.pipeline_harness import PipelineHarness
from tests.standins.answers import Answer

pytestmark = [pytest.mark.anyio, pytest.mark.fast]

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


CART = source(
    "cart.py",
    "class Cart:\n\n    def __init__(self):\n        self.items = []\n\n    def add(self, item):\n"
    "        self.items.append(item)\n\n    class Line:\n        def cost(self):\n            return 1\n",
)


def _documented(*names: str) -> str:
    """Return the cart with a docstring for each of these."""
    text = CART.text
    for head, indent in (("class Cart:\n", 4), ("def add(self, item):\n", 8), ("class Line:\n", 8)):
        if head.split("(")[0].split(":")[0].split()[1] in names:
            text = text.replace(head, f'{head}{" " * indent}"""Says something."""\n')
    if "cost" in names:
        text = text.replace("def cost(self):\n", 'def cost(self):\n            """Says something."""\n')
    return text


@pytest.mark.parametrize(
    ("task", "after", "fault"),
    [
        ("Add a one-line docstring to every function and class.", CART.text.replace(":\n\n", ":\n", 1),
         "Cart, Cart.add, Cart.Line and Cart.Line.cost have no docstring yet."),
        ("Add a docstring to every function.", _documented("Cart"), "Cart.add and Cart.Line.cost have"),
        ("Add a docstring to every class and its methods.", _documented("Cart", "Line"), "Cart.add and"),
        ("Add docstrings to all classes.", _documented("Cart"), "Cart.Line has no docstring yet."),
        ("Add a docstring to each class method.", _documented("add"), "Cart.Line.cost has"),
        ("Add a docstring to each method of the class.", _documented("add", "cost"), ""),
        ("Add a docstring to each class.", _documented("Cart", "Line"), ""),
        ("Add a docstring to every function and class.", _documented("Cart", "add", "Line", "cost"), ""),
        ("Add docstrings.", CART.text.replace(":\n\n", ":\n", 1), "No docstring was added"),
        ("Add docstrings.", CART.text.replace("def add", "# adds\n    def add"), "No docstring was added"),
        ("Put docstrings on all classes.", _documented("Cart"), "Cart.Line has no docstring yet."),
        ("Add docstrings.", _documented("add"), ""),
        ("Add a docstring to the constructor.",
         CART.text.replace("(self):\n", '(self):\n        """Begin empty."""\n', 1), ""),
    ],
)  # fmt: skip
def test_a_docstring_task_is_done_where_every_one_that_it_asks_for_is_there(
    task: str, after: str, fault: str
) -> None:
    check = check_documented(plan_of(task, "cart.py", CART), CART, after)
    assert check is not None
    assert (check.passed, check.message.startswith(fault)) == (not fault, True)


OVERLOADED = """\
from typing import overload


@overload
def f(x: int) -> int: ...
def f(x):
    DOC
    return x


class C:
    DOC

    @property
    def p(self):
        DOC
        return 1

    @p.setter
    def p(self, v):
        pass
"""


def test_overloads_and_setters_need_no_docstring_of_their_own() -> None:
    before = source("o.py", OVERLOADED.replace("DOC", "pass"))
    plan = plan_of("Add a docstring to every function and class.", "o.py", before)
    check = check_documented(plan, before, OVERLOADED.replace("DOC", '"""Says."""'))
    assert check is not None
    assert check.passed


def test_a_better_docstring_is_one_that_the_task_may_mean() -> None:
    before = source("b.py", 'def a():\n    """A."""\n\n\ndef b():\n    return 1\n')
    after = before.text.replace("A.", "Return nothing.")
    for task, passed in (
        ("Improve the docstrings.", True),
        ("Add a docstring to a that says what it returns.", True),
        ("Add docstrings where they are missing.", False),
    ):
        assert check_documented(plan_of(task, "b.py", before), before, after).passed is passed  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "task", "before", "after", "passed"),
    [
        ("c.py", "Add a one-line docstring to C.", "class C:\n\n    x = 1\n", "class C:\n    x = 1\n", 0),
        ("c.js", "Add a JSDoc comment to each function.", "f();\n\n\ng();\n", "f();\ng();\n", 0),
        ("c.py", "Add a blank line.", "class C:\n    x = 1\n", "class C:\n\n    x = 1\n", 1),
        ("c.py", "Remove what is superfluous.", "class C:\n\n    x = 1\n", "class C:\n    x = 1\n", 1),
        ("c.py", "Add g to the loop.", "for x in y:\n    f()\ng()\n", "for x in y:\n    f()\n    g()\n", 1),
        ("c.md", "Add b to the list.", "- a\n\nb\n", "- a\n  b\n", 1),
    ],
)  # fmt: skip
def test_blank_space_alone_is_nothing_that_was_added(
    name: str, task: str, before: str, after: str, passed: bool
) -> None:
    old = source(name, before)
    found = next(check_edit(plan_of(task, name, old), old, after))
    assert found is None if passed else (found is not None and found.code == "nothing_changed")


@pytest.mark.parametrize("task", ["Add docstrings.", "Add a docstring to every function and class."])
async def test_an_empty_file_is_handed_back_without_asking_the_model(
    pipeline: PipelineHarness, project: Path, task: str
) -> None:
    (project / "__init__.py").write_text("")
    outcome = await pipeline.run(task, files=("__init__.py",), output="__init__.py")
    assert (outcome.name, outcome.code) == ("handed_back", "nothing_changed")
    assert outcome.text == (
        "Handed back, nothing_changed (documented): __init__.py is empty: it has nothing to document. "
        "Leave it out. Nothing was written (the model was not asked)."
    )
    assert not pipeline.ollama.outcomes("/api/chat")
    assert (project / "__init__.py").read_text() == ""


async def test_an_empty_file_may_be_filled(pipeline: PipelineHarness, project: Path) -> None:
    (project / "__init__.py").write_text("")
    pipeline.ollama.answers.default = Answer('```python\n"""The shop."""\n```')
    for task in ("Add a module docstring.", "Add docstrings and a docstring for the package."):
        (project / "__init__.py").write_text("")
        outcome = await pipeline.run(task, files=("__init__.py",), output="__init__.py")
        assert outcome.name == "delivered", outcome.text
