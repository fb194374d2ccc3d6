"""Comparison of CSV and TSV: columns, cells and rows."""

import pytest

from server.offload.compare.compare import compare

BEFORE = "name,price,stock\npear,2,12\nplum,3,7\n"


def changes(before: str, after: str, name: str) -> list[str]:
    return [each.text for each in compare(before, after, name, None).changes]


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ("name,price\npear,2\nplum,3\n", "removed column stock"),
        ("name,cost,stock\npear,2,12\nplum,3,7\n", "renamed column price to cost"),
        ("name,price,stock\npear,2\nplum,3,7\n", "changed 2 cells instead of 3 in row 2"),
        ("name,price,stock\nplum,3,7\n", "removed line pear,2,12"),
    ],
    ids=["column", "renamed column", "cell", "row"],
)
def test_a_loss_is_named(after: str, named: str) -> None:
    assert named in changes(BEFORE, after, "a.csv")
    assert named.replace(",", " ") in changes(BEFORE.replace(",", "\t"), after.replace(",", "\t"), "a.tsv")


@pytest.mark.parametrize(
    "after",
    [
        BEFORE + "fig,9,2\n",
        "name,price,stock,note\npear,2,12,\nplum,3,7,ripe\n",
        BEFORE.replace("pear,2", 'pear,"2,5"'),
    ],
    ids=["row", "column", "quoted cell"],
)
def test_an_addition_is_no_loss(after: str) -> None:
    assert changes(BEFORE, after, "a.csv") == []


def test_a_table_that_cannot_be_read_is_compared_by_lines() -> None:
    assert changes("a,b\n1,2\n3,4\n", "a,b\n1,2\n", "a.csv") == ["removed line 3,4"]
