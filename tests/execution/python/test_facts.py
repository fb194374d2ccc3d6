"""Parsing of facts and examples; nothing is run."""

import pytest

from server.execution.python.examples import find_examples
from server.execution.python.facts import Fact, FactError, parse_fact, with_imports
from server.execution.python.names import unbound_names


@pytest.mark.parametrize(
    ("text", "left", "operator", "right"),
    [
        pytest.param("f([3, 1]) == [1, 3]", "f([3, 1])", "==", "[1, 3]", id="equal"),
        pytest.param("assert f(1) != 2", "f(1)", "!=", "2", id="assert"),
        pytest.param("3 < f(1)", "f(1)", ">", "3", id="turned-round"),
        pytest.param("'a' in f(1)", "f(1)", "contains", "'a'", id="contains"),
        pytest.param("f(1) is None", "f(1)", "is", "None", id="identity"),
        pytest.param("not f('')", "f('')", "false", "", id="negation"),
        pytest.param("f(1)", "f(1)", "true", "", id="truth"),
        pytest.param("raises ValueError: f(-1)", "f(-1)", "raises", "ValueError", id="raises"),
        pytest.param(
            "raises json.JSONDecodeError: f('{')", "f('{')", "raises", "json.JSONDecodeError", id="dotted"
        ),
        pytest.param("f({'a': 1}) == {'a:b': [1]}", "f({'a': 1})", "==", "{'a:b': [1]}", id="colons"),
    ],
)
def test_facts_are_read(text: str, left: str, operator: str, right: str) -> None:
    fact = parse_fact(text)
    assert (fact.left, fact.operator, fact.right) == (left, operator, right)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("f(1) = 2", id="assignment"),
        pytest.param("0 < f(1) < 5", id="chain"),
        pytest.param("f(1) == 2 and f(2) == 3", id="two"),
        pytest.param("1 == 1", id="about-nothing"),
        pytest.param("import os", id="statement"),
        pytest.param("f(1) is 2", id="identity-of-a-number"),
        pytest.param("x" * 2000, id="long"),
        pytest.param("(" * 400 + ")" * 400, id="deep"),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(FactError):
        parse_fact(text)


TASK = """Write `slug(text)` in slug.py. Lower case, blanks become dashes: `slug("A b")` -> `"a-b"`.
slug("") == "" and slug('x, (y)') => 'x-y'. Empty parts vanish (slug("a  b") → 'a-b').
A number such as f(3) == 4 belongs to another module, and slug(text) == text is no example.
A sentence may end after it: slug("Q") == "q".

    >>> slug("Ä")
    'ae'
    >>> slug(None)
    Traceback (most recent call last):
        ...
    TypeError: no text
"""


def test_examples_in_a_task_are_found() -> None:
    found = [fact.text for fact in find_examples(TASK, {"slug"})]
    assert sorted(found) == sorted(
        [
            "slug(\"Ä\") == 'ae'",
            "raises TypeError: slug(None)",
            'slug("A b") == "a-b"',
            'slug("") == ""',
            "slug('x, (y)') == 'x-y'",
            "slug(\"a  b\") == 'a-b'",
            'slug("Q") == "q"',
        ]
    )


def test_results_end_where_a_literal_ends() -> None:
    found = find_examples("f(1) == 12. f(2) == 1.5, f(3) == [1, 2], and f(4) == 10th, f(5) == -3;", {"f"})
    assert [fact.right for fact in found] == ["12.0", "1.5", "[1, 2]", "-3"]


def test_names_of_the_standard_library_are_spelt_out() -> None:
    assert with_imports("f(Decimal('1'))", frozenset()) == "f(__import__('decimal').Decimal('1'))"
    assert with_imports("f(Decimal('1'))", frozenset({"Decimal"})) == "f(Decimal('1'))"
    assert with_imports("datetime.date(2026, 1, 1)", frozenset()) == "__import__('datetime').date(2026, 1, 1)"
    assert with_imports("date(2026, 1, 1)", frozenset()) == "__import__('datetime').date(2026, 1, 1)"


@pytest.mark.parametrize(
    ("source", "elsewhere", "nowhere"),
    [
        pytest.param("import os\ndef f():\n    return os.getcwd()\n", (), (), id="imported"),
        pytest.param("def f():\n    return spark\n", (), ("spark",), id="nowhere"),
        pytest.param(
            "def g():\n    a = 1\ndef f():\n    return a\n", ("a",), (), id="a-local-of-another-function"
        ),
        pytest.param(
            "class C:\n    a = 1\n    def f(self):\n        return a\n", ("a",), (), id="a-class-attribute"
        ),
        pytest.param("def f(x):\n    return [y for y in x]\n", (), (), id="comprehension"),
        pytest.param("def f():\n    global a\n    a = 1\ndef g():\n    return a\n", (), (), id="global"),
        pytest.param("from os import *\ndef f():\n    return getcwd()\n", (), (), id="star"),
        pytest.param("try:\n    x = 1\nexcept E as e:\n    print(e)\n", (), ("E",), id="handler"),
        pytest.param(
            "def f():\n    def g():\n        return h()\n    def h():\n        return 1\n",
            (),
            (),
            id="closure",
        ),
        pytest.param("print(__name__, __file__, WindowsError)\n", (), (), id="given"),
    ],
)
def test_unbound_names(source: str, elsewhere: tuple[str, ...], nowhere: tuple[str, ...]) -> None:
    found = unbound_names(source)
    assert (found.elsewhere, found.nowhere) == (elsewhere, nowhere)


def test_a_fact_knows_its_names() -> None:
    assert Fact("f(g(x)) == 1", "f(g(x))", "==", "1").names == {"f", "g", "x"}
