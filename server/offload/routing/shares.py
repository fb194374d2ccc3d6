"""A model's share of right results for each kind of chore, and refusal of the kinds below the bar.

The share is based on the measured chores in ``measured.toml`` and this user's own offloads. An own offload
counts if tests, examples or samples showed whether it was right, if Claude left it alone or rewrote it, or if
it was undone. The undone items of a batch count once.
"""

import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from server.config.sections import OffloadSettings
from server.offload.checks import codes
from server.offload.routing.kinds import RUN, ChoreKind
from server.offload.values import Check

Z = 1.645
"""Normal quantile for a two-sided 90 % interval."""
LEAST_TRIED = 5
"""Minimum number of chores for a meaningful share. A few unlucky chores must not rule a model out."""
ROUTE = "route"
"""Name of this check in the history."""


@dataclass(frozen=True)
class Share:
    """How many chores were tried, and how many results were right."""

    right: int = 0
    tried: int = 0

    def __add__(self, other: "Share") -> "Share":
        """Return the sum of both shares' counts."""
        return Share(self.right + other.right, self.tried + other.tried)

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson score interval (Wilson 1927) for the share, or (0, 1) if nothing was tried."""
        if not self.tried:
            return 0.0, 1.0
        share, weight = self.right / self.tried, Z * Z / self.tried
        middle = share + weight / 2
        spread = Z * math.sqrt(share * (1 - share) / self.tried + weight / self.tried / 4)
        return max(0.0, (middle - spread) / (1 + weight)), min(1.0, (middle + spread) / (1 + weight))


def measured_share(model: str, kind: ChoreKind) -> Share:
    """Return the benchmark result for a model, whatever name its engine gives it."""
    name = _plain(model)
    found = [kinds for known, kinds in _measured().items() if name.startswith(_plain(known))]
    counts = found[0].get(kind) if found else None
    return Share(*counts) if counts else Share()


def able_models(kind: ChoreKind, settings: OffloadSettings) -> list[str]:
    """Return the measured models that are not below the bar for a kind of chore, best first."""
    shares = {model: Share(*kinds[kind]) for model, kinds in _measured().items() if kind in kinds}
    able = [model for model, share in shares.items() if share.interval[0] >= _bar(kind, settings)]
    return sorted(able, key=lambda model: shares[model].interval, reverse=True)


def refusal(model: str, kind: ChoreKind, share: Share, settings: OffloadSettings) -> Check | None:
    """Return the reason for handing a chore back unasked, or None if the model may try.

    The model may try unless it gets fewer chores right than the bar requires, with 90 % certainty.
    """
    if share.tried < LEAST_TRIED or share.interval[1] >= _bar(kind, settings):
        return None
    others = [each for each in able_models(kind, settings) if each != model]
    other = (
        f"{others[0]} would do"
        if others
        else "A larger model may succeed: token-saver models recommend coding"
    )
    message = f"{model} got {share.right} of {share.tried} chores of this kind ({kind}) right. {other}."
    if kind == "long edit":
        message = message.removesuffix(".") + ", or give examples or a check."
    return Check(ROUTE, passed=False, message=message, code=codes.BELOW_BAR, hopeless=True)


def _bar(kind: ChoreKind, settings: OffloadSettings) -> float:
    return settings.least_right if kind in RUN else settings.least_right_unrun


def _plain(model: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", model.rpartition("/")[2].lower())


@cache
def _measured() -> dict[str, dict[str, list[int]]]:
    text = resources.files("server.offload.routing").joinpath("measured.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
