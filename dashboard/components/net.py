"""A signed figure of tokens, coloured by its sign, with the exact one and the money on hover."""

from dashboard import formats
from dashboard.components.text import set_classes, set_title, text


def tone(value: int) -> str:
    """The class of a gain, a loss, or nothing."""
    return "gain" if value > 0 else "loss" if value < 0 else "zero"


class Net:
    """A net of tokens that may change."""

    def __init__(self, classes: str = "") -> None:
        self._classes = classes
        self._figure = text("", f"num {classes}")

    def update(self, tokens: int, microusd: int) -> None:
        """Show another net."""
        self._figure.set_text(formats.signed(tokens))
        set_classes(self._figure, f"num {tone(tokens)} {self._classes}")
        title = f"{formats.signed_exact(tokens)} tokens net, {formats.signed_worth(microusd)}"
        set_title(self._figure, title)

    def clear(self) -> None:
        """Show no figure."""
        self._figure.set_text("")
        set_title(self._figure, "")


def net(tokens: int, microusd: int, classes: str = "") -> None:
    """Show a net of tokens that stays."""
    Net(classes).update(tokens, microusd)
