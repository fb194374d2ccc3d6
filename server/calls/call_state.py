"""State of a call that ends with a question to its client and comes back with the answer.

This is how protocol 2026-07-28 works. The ``mcp`` package seals the state and binds it to the call's
arguments, so a client can neither read nor forge it.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from server.calls.caller import ToolContext


@dataclass(frozen=True)
class CallState:
    """What is known from earlier rounds of a call.

    Attributes:
        approval: id of the approval that the client was asked for; empty if there is none.
        roots: URIs of the client's roots; None if the client was not asked or did not answer.
    """

    approval: str = ""
    roots: tuple[str, ...] | None = None

    def sealed_text(self) -> str:
        """Serialize the state to the text that the package seals."""
        return json.dumps(asdict(self))


def state_of(context: ToolContext) -> CallState | None:
    """Return the state carried by a repeated call; None in the first round."""
    if context.request_state is None:
        return None
    try:
        fields: dict[str, Any] = json.loads(context.request_state)
    except ValueError:
        return CallState()  # from a version with another format
    roots = fields["roots"]
    return CallState(fields["approval"], None if roots is None else tuple(roots))
