"""Comparison of code: what an edit removed, renamed or doubled, in several languages."""

import pytest

from server.offload.code.languages import named_language
from server.offload.compare.code import compare_code, lost_names
from tests.offload.compare.losses import losses


def changes(before: str, after: str, language: str) -> list[str]:
    known = named_language(language)
    assert known is not None
    return [change.text for change in compare_code(before, after, known)]


REMOVED = losses("definitions")


@pytest.mark.parametrize("loss", REMOVED, ids=lambda loss: loss["name"])
def test_a_removed_definition_is_named(loss: dict[str, str]) -> None:
    assert loss["named"] in changes(loss["before"], loss["after"], loss["language"])


@pytest.mark.parametrize("loss", REMOVED, ids=lambda loss: loss["name"])
def test_an_addition_is_no_change(loss: dict[str, str]) -> None:
    found = changes(loss["after"], loss["before"], loss["language"])
    assert [each for each in found if each.startswith("removed")] == []


def test_a_removed_definition_that_is_still_used_is_wrong() -> None:
    python = named_language("python")
    assert python is not None
    before = "def a():\n    return b()\n\n\ndef b():\n    return 2\n"
    (change,) = compare_code(before, "def a():\n    return b()\n", python)
    assert (change.weight, change.text) == ("wrong", "removed function b, still used")


def test_a_rename_in_place_is_named_and_leaves_a_lost_name() -> None:
    python = named_language("python")
    assert python is not None
    before = "def total(rows):\n    return sum(rows)\n"
    after = before.replace("total", "total_price")
    assert changes(before, after, "python") == ["renamed function total to total_price"]
    assert lost_names(before, after, python) == ["total"]
    assert lost_names(before, f"from old import total\n{after}", python) == []


def test_a_part_of_a_class_that_was_merged_is_not_lost() -> None:
    before = "struct A {\n  func a() { x() }\n}\n\nextension A {\n  func b() { y() }\n}\n"
    after = "struct A {\n  func a() { x() }\n  func b() { y() }\n}\n"
    assert changes(before, after, "swift") == []


def test_a_clause_is_lost_though_another_of_its_name_was_added() -> None:
    before = (
        "defmodule A do\n  def call(conn, [other | rest]) do\n    raise inspect(other)\n    :ok\n  end\n\n"
        "  def call(conn, []), do: conn\nend\n"
    )
    after = (
        "defmodule A do\n\n  def call(conn, []), do: conn\n\n"
        "  def call(conn, {mod, fun, args}) do\n    call(conn, apply(mod, fun, args))\n  end\nend\n"
    )
    assert "removed function A.call" in changes(before, after, "elixir")


def test_branches_of_the_preprocessor_may_define_a_name_twice() -> None:
    before = "int a(void) { return 1; }\n"
    after = "#ifdef X\nint b(void) { return 1; }\n#else\nint b(void) { return 2; }\n#endif\n" + before
    assert changes(before, after, "c") == []
