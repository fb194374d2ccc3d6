"""The receipt of one call: what Claude was spared, what the call cost it, the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Receipt:
    """Tokens and micro-dollars, integers. ``spared_input``: inputs that Claude need not read.
    ``spared_output``: text on disk that Claude need not write. ``spent_output``: the call's arguments.
    ``spent_input``: the digest. ``spent_share``: this server's definitions, as the call's share."""

    family: str
    price_model: str
    spared_input: int
    spared_output: int
    spent_output: int
    spent_input: int
    spent_share: int
    spared_microusd: int
    spent_microusd: int

    @property
    def net_tokens(self) -> int:
        return (
            self.spared_input + self.spared_output - self.spent_output - self.spent_input - self.spent_share
        )

    @property
    def net_microusd(self) -> int:
        return self.spared_microusd - self.spent_microusd


class Ledger:
    """Books calls for one Claude model (settings ``[ledger] model``)."""

    def book(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        inputs: Sequence[str],
        written: str | None,
        result: str,
    ) -> Receipt:
        """Return the receipt. ``inputs``: selected texts, each once. ``written``: what was written to disk
        and passed, None otherwise (then nothing was spared). ``result``: the text Claude got."""
        raise NotImplementedError
