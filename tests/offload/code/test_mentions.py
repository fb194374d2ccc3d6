"""Names that a task mentions: as words, as code, in part, and in several scripts."""

import pytest

from server.offload.code.mentions import Mentions


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Let total return 3.", "total"),
        ("Let Cart.total return 3.", "total"),
        ("関数totalを改名", "total"),
        ("让High从第一行开始", "High"),
        ("Entferne die Größe.", "Größe"),
        ("Use x-rate.", "rate"),
        ("Drop @cache.", "@cache"),
    ],
    ids=["word", "dotted", "Japanese", "Chinese", "umlaut", "hyphen", "sign"],
)
def test_a_name_is_a_word_of_the_task(text: str, name: str) -> None:
    assert Mentions(text).has(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Let subtotal return 3.", "total"), ("Use total_price.", "total"), ("Die Größe.", "Gr"), ("x", "")],
    ids=["inside a word", "inside a name", "before an umlaut", "empty"],
)
def test_a_part_of_a_word_is_not_a_name(text: str, name: str) -> None:
    assert not Mentions(text).has(name)


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("Change `price`.", "price", True),
        ("Change `Shop.price()`.", "price", True),
        ("Change price().", "price", True),
        ("Change readTimeout.", "readTimeout", True),
        ("Change read_timeout.", "read_timeout", True),
        ("Change the price.", "price", False),
        ("Change `cost` and price.", "price", False),
        ("Change Shop.price(1).", "price", False),
    ],
)
def test_a_name_as_code(text: str, name: str, found: bool) -> None:
    assert Mentions(text).has_as_code(name) == found


@pytest.mark.parametrize(
    ("text", "part", "found"),
    [
        ("Wait for the timeout", "timeout", True),
        ("Set readTimeout", "timeout", True),
        ("Set READ_TIMEOUT", "timeout", True),
        ("Use an HTTPServer", "server", True),
        ("Use utf8", "utf", True),
        ("Use timeouts", "timeout", False),
        ("Prefetch", "fetch", False),
        ("让High从第一行开始", "high", True),
    ],
)
def test_a_part_of_a_name(text: str, part: str, found: bool) -> None:
    assert Mentions(text).has_part(part) == found


def test_letters_that_grow_in_lower_case_keep_their_places() -> None:
    assert Mentions("İİ Timeout").has_part("timeout")


def test_a_name_after_a_dot_is_qualified() -> None:
    assert Mentions("Change Shop.price").has("price")
    assert not Mentions("Change Shop.price").has_unqualified("price")
