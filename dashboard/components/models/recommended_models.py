"""The models that suit this machine best, each with its reason and a button that fetches it."""

from dashboard.components.controls.button import button
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.controls.notices import run_action
from server.backends.base import PullProgress
from server.common.errors import BackendError
from server.hub import Hub
from server.models.ranking import ranked
from server.models.recommend import Recommendation

MOST = 5


class RecommendedModels:
    """The best few of the catalogue."""

    def __init__(self, hub: Hub, most: int = MOST) -> None:
        self._hub = hub
        self._most = most
        self._models = KeyedList[Recommendation](
            box("suggestions"), lambda each: each.model.name, lambda each: _Line(hub, each)
        )
        with box() as self._nothing:
            empty("Nothing to recommend without an engine: start Ollama, or the server you have.")

    async def load(self) -> None:
        """Rank them anew."""
        try:
            measured = self._hub.measuring.measurements
            found = await ranked(self._hub.engine, self._hub.folders, "coding", measured)
        except BackendError:
            found = ()  # the banner says what is wrong with the engine
        best = [each for each in found if each.fits][: self._most] or list(found[:1])
        self._models.update(best)
        self._nothing.set_visibility(not best)


class _Line:
    def __init__(self, hub: Hub, each: Recommendation) -> None:
        name = each.model.name

        async def pull() -> None:
            await run_action(hub.engine.pull(name, say_nothing), f"{name} is installed.")

        with box("model") as self.element:
            with box("model-words"):
                text(name, "model-name", "p")
                self._why = text("", "sub", "p")
            self._pull = button("Download", pull, icon="cloud_download", label=f"Download {name}")

    def update(self, each: Recommendation) -> None:
        self._why.set_text(each.line.removeprefix(f"{each.model.name}: "))
        self._pull.set_visibility(not each.installed)


async def say_nothing(_progress: PullProgress) -> None:
    """Report to nobody: the page follows the events."""
