"""The banner under the header of every page: the current problem and its next step."""

from dashboard.app_status import Headline
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, set_classes, text
from dashboard.formats import without_markup
from server.common.errors import TokenSaverError
from server.hub import Hub


class Banner:
    """Visible while the user needs to act."""

    def __init__(self, hub: Hub) -> None:
        self._database = hub.history.database
        self._headline: Headline | None = None
        self._errors: dict[object, TokenSaverError] = {}
        with box("hidden") as self._banner:
            self._banner.props["role"] = "alert"
            icon("info", "ts-banner-icon")
            self._words = text("", "ts-banner-words")
            self._code = text("", "ts-code")
            self._resume = button("Resume", hub.resume, look="main")

    def update(self, headline: Headline) -> None:
        """Show the headline's next step, if it has one."""
        self._headline = headline
        self.refresh()

    def show_error(self, source: object, error: TokenSaverError) -> None:
        """Show an error until ``clear_error`` is called for the same source."""
        self._errors[source] = error
        self.refresh()

    def clear_error(self, source: object) -> None:
        """Clear the error from this source."""
        self._errors.pop(source, None)
        self.refresh()

    def refresh(self) -> None:
        """Show the most urgent message: a page's error, the last failed write, the next step, or a notice."""
        error: TokenSaverError | None = next(iter(self._errors.values()), self._database.trouble)
        next_step = self._headline.next_step if self._headline else ""
        state = self._headline.state if self._headline else ""
        words = f"{error.cause} {error.next_step}" if error else next_step or self._database.notice
        look = "ts-banner ts-banner-error" if error else f"ts-banner ts-banner-{state}"
        set_classes(self._banner, look if words else "hidden")
        self._words.set_text(without_markup(words))
        self._code.set_text(error.code if error else "")
        self._code.set_visibility(error is not None)
        self._resume.set_visibility(state == "paused")
