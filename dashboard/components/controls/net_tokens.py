"""A signed figure of tokens, coloured by its sign, with the exact one and the money on hover."""

from dashboard import formats
from dashboard.components.controls.elements import set_classes, set_title, text

NOT_BY_CLAUDE = "You asked for this yourself: Claude was spared nothing, and it cost Claude nothing."

ASKED_ABOUT = "You asked for this yourself: Claude was spared nothing. It cost what Claude asked about it."
"""Of a batch that an older version charged with Claude's questions; today these have rows of their own."""


def tone(value: int) -> str:
    """The class of a gain, a loss, or nothing."""
    return "gain" if value > 0 else "loss" if value < 0 else "zero"


class NetTokens:
    """A net of tokens that may change."""

    def __init__(self, classes: str = "") -> None:
        self._classes = classes
        self._figure = text("", f"num {classes}")

    def update(self, tokens: int, microusd: int, *, by_user: bool = False) -> None:
        """Show another net; none where it is ``by_user`` and so has none."""
        if by_user and not tokens:
            self._figure.set_text("not by Claude")
            set_classes(self._figure, f"sub {self._classes}")
            set_title(self._figure, NOT_BY_CLAUDE)
            return
        self._figure.set_text(formats.signed(tokens))
        set_classes(self._figure, f"num {tone(tokens)} {self._classes}")
        title = f"{formats.signed_exact(tokens)} tokens net, {formats.signed_worth(microusd)}"
        set_title(self._figure, title)

    def clear(self) -> None:
        """Show no figure."""
        self._figure.set_text("")
        set_title(self._figure, "")


def net_tokens(tokens: int, microusd: int, classes: str = "") -> None:
    """Show a net of tokens that stays."""
    NetTokens(classes).update(tokens, microusd)
