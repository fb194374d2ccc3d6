"""A button that downloads a model. An error stays beside it, with a button that tries again."""

from dashboard.components.controls.button import Look, button
from dashboard.components.controls.elements import box, set_prop, text
from dashboard.components.controls.notices import show_notice
from server.backends.base import PullProgress
from server.common.errors import TokenSaverError
from server.hub import Hub


class DownloadButton:
    """The button, with a line for the error of the last attempt."""

    def __init__(self, hub: Hub, name: str, look: Look = "plain") -> None:
        self._hub = hub
        self._name = name
        with box("ts-download") as self.element:
            self._button = button(
                "Download", self._pull, look=look, icon="cloud_download", label=f"Download {name}"
            )
            self._error = text("", "ts-job-reason", "p")
            self._error.props["role"] = "alert"

    async def _pull(self) -> None:
        self._say("")
        self._button.disable()
        try:
            await self._hub.engine.pull(self._name, ignore_progress)
        except TokenSaverError as error:
            self._say(f"{error.cause} {error.next_step}")
        else:
            if not self.element.is_deleted:
                with self.element:
                    show_notice(f"{self._name} is installed.")
        finally:
            if not self.element.is_deleted:
                self._button.enable()

    def _say(self, error: str) -> None:
        if not self.element.is_deleted:
            self._error.set_text(error)
            words = "Try again" if error else "Download"
            self._button.set_text(words)
            set_prop(
                self._button,
                "aria-label",
                f"{words}: download {self._name}" if error else f"Download {self._name}",
            )


async def ignore_progress(_progress: PullProgress) -> None:
    """Ignore progress, because the page follows the hub's events."""
