"""State of a call that ends with a question to its client and comes back with the answer.

That is the way of protocol 2026-07-28. The package seals the state and binds it to the call's arguments: a
client can neither read nor forge one.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from server.calls.caller import ToolContext


@dataclass(frozen=True)
class CallState:
    """What is known from the earlier rounds of a call.

    Attributes:
        approval: id of the approval that the client was asked for; empty for none.
        roots: URIs of the client's roots; None if it was not asked, or did not tell.
    """

    approval: str = ""
    roots: tuple[str, ...] | None = None

    def sealed_text(self) -> str:
        """Return the state as the text that the package seals."""
        return json.dumps(asdict(self))


def state_of(context: ToolContext) -> CallState | None:
    """Return the state that a call comes back with; None for the first round."""
    if context.request_state is None:
        return None
    try:
        fields: dict[str, Any] = json.loads(context.request_state)
    except ValueError:
        return CallState()  # of a version before this form
    roots = fields["roots"]
    return CallState(fields["approval"], None if roots is None else tuple(roots))
