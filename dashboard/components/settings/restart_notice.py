"""Changed settings that require a restart, with a button to restart the app."""

import asyncio

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, icon, set_classes, set_title, text
from dashboard.components.settings.plain_names import NAMES
from server.common.errors import SettingsError
from server.config.settings import Settings, load_settings
from server.hub import Hub


class RestartNotice:
    """A notice that is hidden while the settings file and the running app agree."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with box("ts-banner ts-restart") as self._notice:
            self._notice.props["role"] = "status"
            icon("restart_alt", "ts-banner-icon")
            self._words = text("", "ts-restart-words")
            self._button = button("Restart now", self._restart, look="main", label="Restart now: Token Saver")
        self._notice.set_visibility(False)

    async def load(self) -> None:
        """Compare the settings file with the running app and show the differences."""
        try:
            written = await asyncio.to_thread(load_settings, self._hub.folders)
        except SettingsError:
            written = self._hub.settings  # the next start reports the error, with its line
        names = waiting_for_restart(self._hub.settings, written)
        self._notice.set_visibility(bool(names))
        what = formats.count(len(names), "changed setting")
        self._words.set_text(f"{what} {'takes' if len(names) == 1 else 'take'} effect after a restart.")
        set_title(self._words, "\n".join(names))

    def _restart(self) -> None:
        # The page reconnects and reloads by itself once the new process answers, however long that takes.
        self._words.set_text("Restarting. This page reloads automatically.")
        self._button.set_visibility(False)
        set_classes(self._notice, "ts-banner ts-restart ts-restarting")
        self._hub.request_quit(restart=True)


def waiting_for_restart(running: Settings, written: Settings) -> list[str]:
    """Return the names of the settings whose new value has not taken effect yet."""
    found = []
    for name in type(running).model_fields:
        now, then = getattr(running, name), getattr(written, name)
        if now == then:
            continue
        keys = type(now).model_fields if hasattr(type(now), "model_fields") else None
        if keys is None:
            found.append(NAMES[name].name if name in NAMES else name)
            continue
        changed = [f"{name}.{key}" for key in keys if getattr(now, key) != getattr(then, key)]
        found += [NAMES[key].name if key in NAMES else key for key in changed]
    return found
