"""What stands in the way and what to do about it, under the header of every page."""

from dashboard.app_status import Headline
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, set_classes, text
from server.common.errors import TokenSaverError
from server.hub import Hub


class Banner:
    """Shown while something needs the user."""

    def __init__(self, hub: Hub) -> None:
        self._database = hub.history.database
        self._headline: Headline | None = None
        self._troubles: dict[object, TokenSaverError] = {}
        with box("hidden") as self._banner:
            self._banner.props["role"] = "alert"
            icon("info", "banner-icon")
            self._words = text("", "banner-words")
            self._code = text("", "code")
            self._resume = button("Resume", hub.resume, look="main")

    def update(self, headline: Headline) -> None:
        """Show the next step of the headline, or nothing."""
        self._headline = headline
        self._show()

    def look(self) -> None:
        """Show what the last write into the history met."""
        self._show()

    def tell_trouble(self, of: object, error: TokenSaverError) -> None:
        """Show an error of this page until ``of`` calls ``end_trouble``."""
        self._troubles[of] = error
        self._show()

    def end_trouble(self, of: object) -> None:
        """Take it back."""
        self._troubles.pop(of, None)
        self._show()

    def _show(self) -> None:
        trouble: TokenSaverError | None = next(iter(self._troubles.values()), self._database.trouble)
        said = self._headline.next_step if self._headline else ""
        state = self._headline.state if self._headline else ""
        words = f"{trouble.cause} {trouble.next_step}" if trouble else said or self._database.notice
        look = "banner banner-error" if trouble else f"banner banner-{state}"
        set_classes(self._banner, look if words else "hidden")
        self._words.set_text(words)
        self._code.set_text(trouble.code if trouble else "")
        self._code.set_visibility(trouble is not None)
        self._resume.set_visibility(state == "paused")
