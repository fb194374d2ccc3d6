"""A signed figure of tokens, coloured by its sign, with the exact one and the money on hover."""

from dashboard import formats
from dashboard.components.text import text


def tone(value: int) -> str:
    """The class of a gain, a loss, or nothing."""
    return "gain" if value > 0 else "loss" if value < 0 else "zero"


def net(tokens: int, microusd: int, classes: str = "") -> None:
    """Show a net of tokens."""
    title = f"{formats.signed_exact(tokens)} tokens net, {formats.signed_money(microusd)}"
    text(formats.signed(tokens), f"num {tone(tokens)} {classes}", title=title)
