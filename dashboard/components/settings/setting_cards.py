"""The other cards on the *Settings* page: engine test, transcripts, file, prices, locations."""

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.notices import run_action
from server.common.errors import BackendFailed
from server.hub import Hub
from server.ledger.prices import Prices
from server.state.snapshot import Snapshot


class EngineTest:
    """The engine's latest state, and a button to test it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with box("ts-setting-line"):
            self._words = text("", "ts-grow", "p")
            button("Test the engine", self._test, icon="network_check")

    def update(self, snapshot: Snapshot) -> None:
        """Show the latest state."""
        view = snapshot.engine
        models = formats.count(len(view.installed), "model")
        self._words.set_text(view.error or f"{view.label} responds and has {models}.")

    async def _test(self) -> None:
        async def ask() -> None:
            await self._hub.engine.refresh(installed=True)
            await self._hub.engine.use()  # search again for an engine that did not answer
            if error := self._hub.engine.view().error:
                raise BackendFailed(error, "Then test the engine again.")

        await run_action(ask(), "The engine responds.")
        self.update(self._hub.snapshot())


class AuditSwitch:
    """The user's consent to reading transcripts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._words = text("", "", "p")
        with box("ts-actions"):
            self._button = button("Allow", self._switch)

    async def update(self) -> None:
        """Show the current choice."""
        on = self._hub.settings.savings.audit
        where = self._hub.transcript_check.folder
        self._words.set_text(
            f"On. Token Saver reads {where} to find out what each offload really saved."
            if on
            else f"Off. If you allow the check, Token Saver reads {where} to find out what each offload "
            "really saved. The check writes nothing there, and nothing leaves this machine."
        )
        self._button.set_text("Stop reading" if on else "Allow reading")

    async def _switch(self) -> None:
        await run_action(self._hub.switch_transcript_check(on=not self._hub.settings.savings.audit))


def settings_file(hub: Hub) -> None:
    """Show the settings file and explain how to edit it by hand."""
    text(
        "You can also edit this file. Changes take effect when Token Saver restarts, most of them already "
        "when a setting is saved on this page:",
        "",
        "p",
    )
    text(str(hub.folders.config_file), "ts-command", "code")
    text("An example of what it can contain:", "ts-sub", "p")
    text(
        '[offload]\nrepair_rounds = 1\n\n[checks]\ntest = "uv run pytest -q {file}"',
        "ts-command ts-pre",
        "pre",
    )
    text(
        "Environment variables override the file. If the file contains an error, the app names the line and "
        "does not start until you fix it.",
        "ts-sub",
        "p",
    )


def price_table(prices: Prices, model: str) -> None:
    """Show the prices of the Claude models, folded: the user's own model is named."""
    with box("ts-fold", "details"):
        with box("", "summary"):
            text(f"Prices of {formats.count(len(prices.models), 'model')}")
            text(f"Savings use {model}", "ts-sub")
        _prices(prices)


def _prices(prices: Prices) -> None:
    with box("ts-receipt", "table"):
        with box("", "thead"), box("", "tr"):
            for name in ("Per million tokens", "Input", "Cache write", "Cache read", "Output"):
                text(name, tag="th").props["scope"] = "col"
        with box("", "tbody"):
            for model in prices.models:
                price = prices.find(model)
                with box("", "tr"):
                    text(model, tag="th").props["scope"] = "row"
                    for amount in (price.input, price.cache_write, price.cache_read, price.output):
                        text(f"${amount:,.2f}", "ts-num", "td")


def file_locations(hub: Hub) -> None:
    """Show where the app stores its files."""
    folders = hub.folders
    facts = (
        ("Settings", folders.config_file),
        ("Policy", folders.policy_file),
        ("Prices", folders.prices_file),
        ("History", folders.database),
        ("Models", folders.models),
        ("Log", folders.log_file),
    )
    with box("ts-facts", "dl"):
        for name, path in facts:
            with box("ts-fact"):
                text(name, tag="dt")
                text(str(path), "ts-mono", "dd")
