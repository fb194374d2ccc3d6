"""Net tokens: a signed figure, coloured by its sign, with the exact value and its worth in money on hover."""

from dashboard import formats
from dashboard.components.controls.elements import set_classes, set_title, text

NOT_BY_CLAUDE = "You started this yourself. It saved Claude nothing and cost Claude nothing."

ASKED_ABOUT = (
    "You started this yourself, so it saved Claude nothing. The cost comes from Claude's questions about it."
)
"""For batches from older versions, whose cost included Claude's questions. These questions now have rows of
their own.
"""


def tone(value: int) -> str:
    """Return the CSS class for a gain, a loss or zero."""
    return "ts-gain" if value > 0 else "ts-loss" if value < 0 else "ts-zero"


def not_by_claude(would_save: int) -> str:
    """Return why the user's own call has no net, with what it would have saved if that is known."""
    if not would_save:
        return NOT_BY_CLAUDE
    return f"{NOT_BY_CLAUDE} Made by Claude, it would have {formats.would_have(would_save)}."


class NetTokens:
    """A net figure that may change."""

    def __init__(self, classes: str = "") -> None:
        self._classes = classes
        self._figure = text("", f"ts-num {classes}")

    def update(self, tokens: int, microusd: int, *, by_user: bool = False, would_save: int = 0) -> None:
        """Show a different figure. A call made by the user shows what it would have saved, in parentheses,
        unless it cost something.
        """
        if by_user and not tokens:
            self._figure.set_text(f"({formats.signed(would_save)})" if would_save else "your own")
            set_classes(self._figure, f"ts-num ts-sub {self._classes}")
            set_title(self._figure, not_by_claude(would_save))
            return
        self._figure.set_text(formats.signed(tokens))
        set_classes(self._figure, f"ts-num {tone(tokens)} {self._classes}")
        title = f"{formats.signed_exact(tokens)} tokens net, {formats.signed_worth(microusd)}"
        set_title(self._figure, title)

    def clear(self) -> None:
        """Remove the figure from the page."""
        self._figure.set_text("")
        set_title(self._figure, "")


def net_tokens(tokens: int, microusd: int, classes: str = "") -> None:
    """Show a net figure that does not change."""
    NetTokens(classes).update(tokens, microusd)
