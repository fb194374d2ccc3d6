"""A call through the gate, and its result in one word."""

import asyncio

from server.common.errors import Denied, Limited
from server.policy.gate import Gate
from server.policy.values import Call

FIVE = 'version: "1"\ntools:\n  work:\n    rules:\n      - {name: five, rate_limit: 5/minute}\n'


async def tries(gate: Gate, call: Call, *, fail: bool = False) -> str:
    """Let ``call`` through the gate; return ``passed``, ``limited`` or ``denied``."""
    try:
        async with gate.enter(call) as passage:
            await asyncio.sleep(0)
            if fail:
                passage.fail()
            return "passed"
    except Limited:
        return "limited"
    except Denied:
        return "denied"
