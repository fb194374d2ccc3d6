"""Dated, user-editable table of Claude's token prices.

One dollar per million tokens is one micro-dollar per token. Prices are stored as micro-dollars per token,
exactly as written (``Decimal``); amounts are rounded once, at the end.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from server.common.errors import SettingsError
from server.ledger.tokens import model_version

_LINES = ("fable", "opus", "sonnet", "haiku")
_REQUIRED = ("input", "cache_read", "output")


@dataclass(frozen=True)
class Price:
    """One model's prices in micro-dollars per token. ``model`` is its name in the table.

    ``cache_write`` is the price of writing to the 5-minute cache, ``cache_write_1h`` to the 1-hour cache.
    """

    model: str
    input: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    output: Decimal


@dataclass(frozen=True)
class Prices:
    """The price table. ``dated`` is the day the prices were valid, ``source`` the file."""

    dated: date
    source: str
    _models: Mapping[str, Mapping[str, Any]]

    @property
    def named(self) -> str:
        """Which table this is, and its date."""
        table = f"your price table {self.source}" if self.source else "the built-in price table"
        return f"{table} of {self.dated.isoformat()}"

    @property
    def models(self) -> tuple[str, ...]:
        """The names in the table, in table order."""
        return tuple(self._models)

    def find(self, model: str, prompt_tokens: int = 0) -> Price:
        """Return the prices of a Claude model for a ``prompt_tokens``-token prompt.

        If a version is missing from the table, the nearest version in its line (opus, sonnet, …) is used: the
        newest older one or, failing that, the oldest. A name that matches no line gets the first model's
        prices.
        """
        name = self._nearest(model)
        row = self._models[name]
        above = row.get("above")
        if above is not None and prompt_tokens > above["prompt"]:
            row = {**row, **above}
        return Price(
            name,
            input=Decimal(row["input"]),
            cache_write=Decimal(row.get("cache_write", row["input"])),
            cache_write_1h=_long_write(row),
            cache_read=Decimal(row["cache_read"]),
            output=Decimal(row["output"]),
        )

    def _nearest(self, model: str) -> str:
        line = [name for name in self._models if _line(name) == _line(model)]
        if not line:
            return next(iter(self._models))
        older = [name for name in line if _version(name) <= _version(model)]
        return max(older, key=_version) if older else min(line, key=_version)


def load_prices(edited: Path | None = None) -> Prices:
    """Return the user's table if there is one, otherwise the built-in table.

    Raises:
        SettingsError: the file is not TOML, or a price is missing, negative or not a number.
    """
    if edited is not None and edited.exists():
        try:
            return _parse(edited.read_text(encoding="utf-8"), str(edited))
        except (OSError, UnicodeDecodeError) as error:
            raise _bad(str(edited), f"cannot be read: {error}") from None
    return _parse(shipped_prices(), "")


def shipped_prices() -> str:
    """Return the text of the built-in table, for users to copy and edit."""
    return (files("server.ledger") / "prices.toml").read_text(encoding="utf-8")


def microusd(amount: Decimal) -> int:
    """Round micro-dollars to an integer, half away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def _long_write(row: Mapping[str, Any]) -> Decimal:
    """Return the price of a 1-hour write. Tables from before version 0.2 lack it; the default is twice the
    input price, as listed by Anthropic. Models without cache writes pay the input price.
    """
    if "cache_write_1h" in row:
        return Decimal(row["cache_write_1h"])
    return 2 * Decimal(row["input"]) if "cache_write" in row else Decimal(row["input"])


def _parse(text: str, source: str) -> Prices:
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _bad(source, f"is not valid TOML: {error}") from None
    models = table.get("models")
    if not isinstance(models, dict) or not models:
        raise _bad(source, 'has no [models."…"] table')
    for name, row in models.items():
        _check(source, name, row, _REQUIRED)
        if "above" in row:
            _check(source, f"{name}.above", row["above"], ("prompt",))
    dated = table.get("dated")
    if not isinstance(dated, date):
        raise _bad(source, "has no date (dated = YYYY-MM-DD)")
    return Prices(dated, source, models)


def _check(source: str, name: str, row: Any, required: tuple[str, ...]) -> None:
    if not isinstance(row, dict):
        raise _bad(source, f'has no table models."{name}"')
    for key in (*required, *(key for key in row if key != "above")):
        value: Any = row.get(key)
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not number or not Decimal(value).is_finite() or value < 0:
            raise _bad(source, f'has a bad or missing price: models."{name}".{key}')


def _bad(source: str, what: str) -> SettingsError:
    return SettingsError(
        f"The price table {source} {what}.", "Fix the file, or delete it to use the shipped prices."
    )


def _line(model: str) -> str:
    return next((line for line in _LINES if line in model.lower()), "")


def _version(model: str) -> tuple[int, int]:
    return model_version(model) or (99, 0)
