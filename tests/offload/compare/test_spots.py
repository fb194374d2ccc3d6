"""Places of an edit: groups that belong together, and unrelated ones."""

import pytest

from server.offload.code.languages import named_language
from server.offload.code.mentions import Mentions
from server.offload.compare.spots import keywords, parts_of, places_of

pytestmark = pytest.mark.fast
PYTHON = named_language("python")
BEFORE = (
    "RATE = 2\n\n\ndef price(item):\n    return item.cost\n\n\n"
    "def label(item):\n    return item.name[:10]\n\n\n"
    "@cache\ndef stock(item):\n    return item.count\n"
)


def unrelated(after: str, task: str) -> list[str]:
    return [change.text for change in places_of(BEFORE, after, PYTHON, Mentions(task)).unrelated()]


def test_an_unrelated_function_is_named() -> None:
    after = BEFORE.replace("item.cost", "item.cost * RATE").replace("[:10]", "[:12]")
    assert unrelated(after, "Multiply the cost by the rate") == ["changed function label"]


def test_a_common_name_relates_two_functions() -> None:
    after = BEFORE.replace("item.cost", "item.cost + item.tax").replace("item.count", "item.count + item.tax")
    assert unrelated(after, "Add the tax") == []


def test_a_changed_decorator_is_named() -> None:
    after = BEFORE.replace("item.cost", "item.cost * RATE").replace("@cache", "@lru_cache(5)")
    assert unrelated(after, "Multiply the cost by the rate") == ["changed @cache of stock"]


def test_the_words_of_the_task_choose_the_main_place() -> None:
    after = BEFORE.replace("item.cost", "item.cost * RATE").replace("[:10]", "[:12]")
    places = places_of(BEFORE, after, PYTHON, Mentions("Longer `label`s"))
    assert [change.text for change in places.unrelated()] == ["changed function price"]
    assert places.hit
    assert places.meant(9)
    assert not places.meant(5)


def test_one_place_is_never_unrelated() -> None:
    after = BEFORE.replace("[:10]", "[:12]")
    assert unrelated(after, "Something else") == []
    assert [each.text for each in places_of(BEFORE, after, PYTHON, Mentions("")).all_changed()] == [
        "changed function label"
    ]


def test_an_added_function_is_not_a_change() -> None:
    after = BEFORE.replace("item.cost", "item.cost * RATE") + "\n\ndef fresh():\n    return 0\n"
    assert unrelated(after, "Multiply the cost by the rate") == []


def test_names_have_parts() -> None:
    assert {"maxretryafter", "max", "retry", "after", "header"} <= parts_of(["maxRetryAfter", "header_name"])


def test_keywords_of_a_grammar_are_not_names() -> None:
    assert PYTHON is not None
    assert {"return", "if", "def"} <= keywords(PYTHON)
    assert "price" not in keywords(PYTHON)
