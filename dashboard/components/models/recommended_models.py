"""The models best suited to this machine, with the reasons and a download button."""

from dashboard import formats
from dashboard.components.controls.card import empty
from dashboard.components.controls.elements import box, text
from dashboard.components.controls.keyed_list import KeyedList
from dashboard.components.models.download_button import DownloadButton
from server.common.errors import BackendError
from server.hub import Hub
from server.models.ranking import ranked
from server.models.recommend import Recommendation

MOST = 5


class RecommendedModels:
    """The best models in the catalogue."""

    def __init__(self, hub: Hub, most: int = MOST) -> None:
        self._hub = hub
        self._most = most
        self._models = KeyedList[Recommendation](
            box("ts-suggestions"), lambda each: each.model.name, lambda each: _Line(hub, each)
        )
        with box() as self._nothing:
            empty("No recommendations without an engine. Start Ollama or your own server.")
        self._nothing.set_visibility(False)

    async def load(self) -> None:
        """Rank the models again."""
        found = await ranked_for_code(self._hub)
        best = [each for each in found if each.fits][: self._most] or list(found[:1])
        self._models.update(best)
        self._nothing.set_visibility(not best)


async def ranked_for_code(hub: Hub) -> tuple[Recommendation, ...]:
    """Return the models, best for code first. Without an engine, the list is empty and the banner shows the
    error.
    """
    try:
        return await ranked(hub.engine, hub.folders, "coding", hub.measuring.measurements)
    except BackendError:
        return ()


class _Line:
    def __init__(self, hub: Hub, each: Recommendation) -> None:
        name = each.model.name
        with box("ts-model") as self.element:
            with box("ts-model-words"):
                text(formats.model_name(name), "ts-model-name", "p", title=name)
                self._why = text("", "ts-sub", "p")
            self._pull = DownloadButton(hub, name).element

    def update(self, each: Recommendation) -> None:
        self._why.set_text(facts(each))
        self._pull.set_visibility(not each.installed)


def facts(each: Recommendation) -> str:
    """Return the facts that help choose a model: ``Fits (2.7 GB spare) · 13.8 GB download · ≈ 8 tokens/s ·
    Apache-2.0``.
    """
    model, evidence = each.model, each.evidence
    about = "≈ " if model.size_estimated else ""
    quality = model.quality if evidence.quality is None else None
    parts = (
        "Your choice" if each.custom else "",
        _fits(each),
        "installed"
        if each.installed
        else f"{about}{formats.size(model.size)} download"
        if model.size
        else "",
        speed_of(each),
        ""
        if evidence.quality is None
        else f"{evidence.quality:.0%} of {evidence.weight:.0f} tasks here passed their checks",
        f"{quality.benchmark} {quality.value:g} ({quality.date})" if quality else "",
        formats.licence(model.license) or "licence unknown",
    )
    return " · ".join(part for part in parts if part)


def fit_of(each: Recommendation) -> str:
    """Return how much memory is left over or missing."""
    if not each.model.size:
        return "Size unknown"
    if each.fits:
        return f"{formats.size(each.left)} spare"
    return f"{formats.size(each.missing)} short"


def _fits(each: Recommendation) -> str:
    if not each.model.size:
        return fit_of(each)
    return f"{'Fits' if each.fits else 'Does not fit now'} ({fit_of(each)})"


def rate_of(each: Recommendation) -> str:
    """Return the measured or expected speed; empty if unknown."""
    if each.evidence.generate_rate:
        return formats.speed(each.evidence.generate_rate)
    return f"≈ {each.rate:.0f} tokens/s" if each.rate else ""


def rate_note(each: Recommendation) -> str:
    """Return where the speed comes from, or that it is slow; empty if neither is known."""
    if each.evidence.generate_rate:
        return "measured, slow" if each.slow else "measured"
    return "slow without a GPU" if each.slow else ""


def speed_of(each: Recommendation) -> str:
    """Return the speed with its note; empty if unknown."""
    return " ".join(part for part in (rate_of(each), rate_note(each)) if part)
