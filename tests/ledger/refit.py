"""Command that fits the coefficients of the token estimate::

    python -m tests.ledger.refit TABLE [--mislabelled ROWS] [--write]

``TABLE`` is a CSV (``.gz`` or not) of measured items: ``family``, ``kind``, ``repo``, ``tool``, ``chars``, a
column for each feature, ``true_tokens``. Prints the coefficients and the errors of a fit on repositories
that it has not seen; ``--write`` replaces ``coefficients.json``. ``ROWS`` names rows whose family is wrong in
the table. They are too few to affect the fit, so they are fitted, but no fit is judged by them.

The fit: non-negative least squares on the relative error (weights 1/(tokens + 20)), reweighted towards the
absolute error so that single outliers count less, with a weak prior on the rare scripts. It solves the
normal equations by coordinate descent in plain Python, which is fast enough for 33 features.
"""

import argparse
import csv
import gzip
import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path

PRIORS = {
    "han": 1.3,
    "kana": 1.1,
    "hang": 1.6,
    "cjkp": 1.1,
    "lat": 1.3,
    "cyr": 0.5,
    "oth": 1.3,
    "astral": 3.0,
    # Only some repositories used Claude 4.7; without this prior, a fit without them lacks its call cost.
    "c_use47": 15.6,
}
# The weight of a prior, as occurrences in one item of 100 tokens.
PRIOR_WEIGHT = 2.0
# Added to the tokens in the weight, so that tiny items (framing and rounding) do not dominate the fit.
SMALL = 20.0
ROUNDS = 8
COEFFICIENTS = Path(__file__).parents[2] / "server/ledger/coefficients.json"
# Relative errors below this value count as equal.
CLOSE = 0.01
NOT_FEATURES = frozenset({"family", "kind", "repo", "tool", "chars", "true_tokens"})


@dataclass(frozen=True)
class Item:
    """One measured item: its row in the table (from 0), its non-zero features, and the API's token
    count."""

    row: int
    family: str
    repo: str
    kind: str
    features: tuple[tuple[str, int], ...]
    tokens: int


@dataclass(frozen=True)
class Quality:
    """Errors of a set of coefficients, as fractions: ``median`` error of items of at least 100 tokens, signed
    error of the ``aggregate``, and ``session``, the limit that 9 in 10 sums of 50 items stay within."""

    items: int
    median: float
    aggregate: float
    session: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.refit")
    parser.add_argument("table", type=Path)
    parser.add_argument("--mislabelled", type=Path, help="rows whose family is wrong in the table")
    parser.add_argument("--write", action="store_true", help="replace coefficients.json")
    chosen = parser.parse_args(arguments)
    items = read_table(chosen.table)
    wrong = read_rows(chosen.mislabelled) if chosen.mislabelled is not None else frozenset()
    families = sorted({item.family for item in items})
    for family in families:
        judged = in_sessions(item for item in items if item.family == family and item.row not in wrong)
        apart = judge(judged, estimate_unseen(items, family))
        sys.stdout.write(
            f"{family}: {apart.items} items, each judged by a fit without its repository: median error "
            f"{apart.median:.1%}, aggregate {apart.aggregate:+.1%}, 9 in 10 sums of 50 within "
            f"{apart.session:.1%}\n"
        )
    fitted = {family: fit([item for item in items if item.family == family]) for family in families}
    text = json.dumps(fitted, indent=1) + "\n"
    if chosen.write:
        COEFFICIENTS.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def read_table(path: Path) -> list[Item]:
    """Read the measured items, in the table's order."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return [_item(number, row) for number, row in enumerate(csv.DictReader(file))]


def read_rows(path: Path) -> frozenset[int]:
    """Read row numbers from a CSV with the columns ``first_row`` and ``last_row``."""
    with path.open(encoding="utf-8", newline="") as file:
        ranges = [(int(row["first_row"]), int(row["last_row"])) for row in csv.DictReader(file)]
    return frozenset(number for first, last in ranges for number in range(first, last + 1))


def estimate_unseen(items: Iterable[Item], family: str) -> dict[int, float]:
    """Return the estimate of each item of the family, by row, from a fit on all other repositories."""
    mine = [item for item in items if item.family == family]
    found: dict[int, float] = {}
    for repo in sorted({item.repo for item in mine}):
        fitted = fit([item for item in mine if item.repo != repo])
        found |= estimate([item for item in mine if item.repo == repo], fitted)
    return found


def estimate(items: Iterable[Item], coefficients: dict[str, float]) -> dict[int, float]:
    """Return the estimated tokens of each item, by row."""
    return {item.row: _dot(item.features, coefficients) for item in items}


def in_sessions(items: Iterable[Item]) -> list[Item]:
    """Return the items in the order of sessions: one repository after the other, calls and results mixed."""
    repos: dict[str, list[Item]] = {}
    for item in items:
        repos.setdefault(item.repo, []).append(item)
    return [item for _, mine in sorted(repos.items()) for item in in_session_order(mine)]


def in_session_order(items: Iterable[Item]) -> list[Item]:
    """Mix one repository's calls and results as sessions do. The table lists all calls, then all results,
    each in the order of the sessions."""
    parts: dict[bool, list[Item]] = {True: [], False: []}
    for item in items:
        parts[item.kind == "result"].append(item)
    places = [(place / len(part), item) for part in parts.values() for place, item in enumerate(part)]
    return [item for _, item in sorted(places, key=lambda each: each[0])]


def judge(items: Sequence[Item], estimated: Mapping[int, float], sum_of: int = 50) -> Quality:
    """Return the errors of the estimates. Sums are taken over consecutive ``items``."""
    pairs = [(estimated[item.row], item.tokens) for item in items]
    large = [abs(guess / true - 1) for guess, true in pairs if true >= 100]
    sums = [
        (sum(guess for guess, _ in part), sum(true for _, true in part))
        for part in (pairs[start : start + sum_of] for start in range(0, len(pairs) - sum_of + 1, sum_of))
    ]
    errors = sorted(abs(guess / true - 1) for guess, true in sums)
    return Quality(
        items=len(pairs),
        median=statistics.median(large),
        aggregate=sum(guess for guess, _ in pairs) / sum(true for _, true in pairs) - 1,
        session=errors[max(0, -(-len(errors) * 9 // 10) - 1)],
    )


def fit(items: Sequence[Item]) -> dict[str, float]:
    """Return the coefficient of each occurring feature, rounded to 4 places, and priors for the rest."""
    names = sorted({name for item in items for name, _ in item.features} | set(PRIORS))
    place = {name: number for number, name in enumerate(names)}
    rows = [([(place[name], count) for name, count in item.features], item.tokens) for item in items]
    solution = [0.0] * len(names)
    weights = [1 / (tokens + SMALL) ** 2 for _, tokens in rows]
    for _ in range(ROUNDS):
        gram, target = _normal_equations(rows, weights, names)
        _descend(gram, target, solution)
        weights = [
            1 / (tokens + SMALL) ** 2 / max(CLOSE, abs(_value(row, solution) - tokens) / (tokens + SMALL))
            for row, tokens in rows
        ]
    return {name: round(value, 4) for name, value in zip(names, solution, strict=True)}


_Row = tuple[list[tuple[int, int]], int]


def _normal_equations(
    rows: Sequence[_Row], weights: Sequence[float], names: Sequence[str]
) -> tuple[list[list[float]], list[float]]:
    size = len(names)
    gram = [[0.0] * size for _ in range(size)]
    target = [0.0] * size
    for (row, tokens), weight in zip(rows, weights, strict=True):
        for number, (i, count) in enumerate(row):
            weighed = weight * count
            target[i] += weighed * tokens
            line = gram[i]
            for j, other in row[number:]:
                line[j] += weighed * other
    for i in range(size):
        for j in range(i):
            both = gram[i][j] + gram[j][i]
            gram[i][j] = gram[j][i] = both
    for name, prior in PRIORS.items():
        number = names.index(name)
        weight = PRIOR_WEIGHT**2 / (100 + SMALL) ** 2 / CLOSE
        gram[number][number] += weight
        target[number] += weight * prior
    return gram, target


def _descend(gram: list[list[float]], target: list[float], solution: list[float]) -> None:
    """Minimise the quadratic form over non-negative values, one coordinate at a time, in place."""
    for _ in range(3_000):
        change = 0.0
        for i, line in enumerate(gram):
            if line[i] <= 0:
                continue
            slope = target[i] - sum(map(mul, line, solution))
            value = max(0.0, solution[i] + slope / line[i])
            change = max(change, abs(value - solution[i]))
            solution[i] = value
        if change < 1e-7:
            return


def _value(row: list[tuple[int, int]], solution: Sequence[float]) -> float:
    return sum(count * solution[place] for place, count in row)


def _item(number: int, row: dict[str, str]) -> Item:
    counts = ((name, int(value)) for name, value in row.items() if name not in NOT_FEATURES)
    features = tuple((name, count) for name, count in counts if count)
    return Item(number, row["family"], row["repo"], row["kind"], features, int(row["true_tokens"]))


def _dot(features: Iterable[tuple[str, int]], coefficients: dict[str, float]) -> float:
    return sum(count * coefficients.get(name, 0.0) for name, count in features)


if __name__ == "__main__":
    sys.exit(main())
