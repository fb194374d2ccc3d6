"""Tests of the price table: shipped, edited, missing models, mistakes."""

from decimal import Decimal
from pathlib import Path

import pytest

from server.common.errors import SettingsError
from server.ledger.prices import load_prices, microusd, shipped_prices

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("model", "name", "prices"),
    [
        ("claude-opus-5.5", "opus-5.5", ("4", "5", "0.20", "20")),
        ("claude-opus-5-5-20261001", "opus-5.5", ("4", "5", "0.20", "20")),
        ("claude-opus-4-5-20251101", "opus-4.5", ("5", "6.25", "0.50", "25")),
        ("claude-fable-5-1", "fable-5.1", ("10", "12.50", "0.25", "50")),
        ("claude-fable-5", "fable-5", ("10", "12.50", "1", "50")),
        ("claude-sonnet-4-6", "sonnet-4.6", ("3", "3.75", "0.30", "15")),
        ("claude-haiku-4-5", "haiku-4.5", ("1", "1.25", "0.10", "5")),
        ("claude-haiku-5.5", "haiku-5.5", ("0.10", "0.10", "0.01", "0.50")),
        ("claude-opus-5-2", "opus-5", ("5", "6.25", "0.50", "25")),
        ("claude-opus-6", "opus-5.5", ("4", "5", "0.20", "20")),
        ("claude-3-opus-20240229", "opus-4.5", ("5", "6.25", "0.50", "25")),
        ("unheard-of", "fable-5.1", ("10", "12.50", "0.25", "50")),
    ],
)
def test_each_model_has_its_prices(model: str, name: str, prices: tuple[str, ...]) -> None:
    price = load_prices().find(model)
    assert price.model == name
    assert (price.input, price.cache_write, price.cache_read, price.output) == tuple(map(Decimal, prices))


def test_long_prompts_may_cost_more() -> None:
    prices = load_prices()
    assert prices.find("claude-haiku-5.5", 100_000).output == Decimal("0.50")
    above = prices.find("claude-haiku-5.5", 100_001)
    assert (above.input, above.cache_write, above.cache_read) == (
        Decimal("0.50"),
        Decimal("0.50"),
        Decimal("0.05"),
    )


def test_an_edited_table_replaces_the_shipped_one(tmp_path: Path) -> None:
    edited = tmp_path / "prices.toml"
    assert load_prices(edited).source == ""
    edited.write_text(shipped_prices().replace("output = 20", "output = 21", 1))
    prices = load_prices(edited)
    assert prices.find("claude-opus-5.5").output == 21
    assert prices.source == str(edited)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dated = 2026-01-01\n[models", "not valid TOML"),
        ("dated = 2026-01-01", "no [models"),
        ('dated = 2026-01-01\n[models."x"]\ninput = 1\noutput = 2', 'models."x".cache_read'),
        ('dated = 2026-01-01\n[models."x"]\ninput = -1\noutput = 2\ncache_read = 1', 'models."x".input'),
        ('dated = 2026-01-01\n[models."x"]\ninput = "4"\noutput = 2\ncache_read = 1', 'models."x".input'),
        ('dated = 2026-01-01\n[models."x"]\ninput = nan\noutput = 2\ncache_read = 1', 'models."x".input'),
        ('[models."x"]\ninput = 1\noutput = 2\ncache_read = 1', "dated"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path: Path, text: str, words: str) -> None:
    edited = tmp_path / "prices.toml"
    edited.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_prices(edited)
    assert words in str(caught.value)
    assert str(edited) in str(caught.value)


def test_half_a_micro_dollar_rounds_away_from_zero() -> None:
    assert [microusd(Decimal(amount)) for amount in ("0.5", "1.5", "-0.5", "1.49")] == [1, 2, -1, 1]


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("claude-opus-5.5", "8"),
        ("claude-fable-5-1", "20"),
        ("claude-haiku-4-5", "2"),
        ("claude-haiku-5.5", "0.10"),
    ],
)
def test_1_hour_writes_have_their_own_price(model: str, price: str) -> None:
    assert load_prices().find(model).cache_write_1h == Decimal(price)


def test_a_table_without_1_hour_writes_gets_twice_the_inputs_price(tmp_path: Path) -> None:
    edited = tmp_path / "prices.toml"
    edited.write_text(
        'dated = 2026-01-01\n[models."opus-5.5"]\ninput = 4\ncache_write = 5\noutput = 20\ncache_read = 0.2\n'
    )
    assert load_prices(edited).find("claude-opus-5.5").cache_write_1h == 8
