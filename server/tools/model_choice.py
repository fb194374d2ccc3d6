"""``recommend_model``, ``auto_setup`` and ``configure_model_selector``: tools that choose a model."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field, ValidationError

from server.backends.base import PullProgress, ReportPull
from server.calls.progress import progress_to
from server.common.errors import BackendUnsupported, BadArguments, DownloadError, ModelNotFound, ModelTooLarge
from server.common.events import ModelChoiceChanged
from server.hub import Hub
from server.models.categories import Category
from server.models.ranking import ranked
from server.models.recommend import Recommendation
from server.models.selector import SelectorSettings
from server.tools.make_tool import make_tool, text_result
from server.tools.model_tools import CHANGES, READS, pulled

MOST_SHOWN = 5
RECOMMENDED_META = "token-saver/recommended"
"""Key of the recommendations in the result's ``_meta``, for programs such as the command line."""
WRITES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
Setting = Literal["blocked_models", "license_filter", "custom_recommendations"]
Action = Literal["get", "set", "add", "remove"]


def model_choice_tools(hub: Hub) -> list[Tool]:
    """Return the tools that choose models."""
    return [_recommend_model(hub), _auto_setup(hub), _configure_model_selector(hub)]


def _recommend_model(hub: Hub) -> Tool:
    async def recommend_model(category: Category, prefer_quality: bool = False) -> CallToolResult:
        found = await _ranked(hub, category, prefer_quality=prefer_quality)
        shown = found[:MOST_SHOWN]
        meta = {RECOMMENDED_META: [_facts(each) for each in shown]}
        return text_result("\n".join(each.line for each in shown), meta=meta)

    return make_tool(recommend_model, "Rank local models for this machine and work, with reasons.", READS)


def _auto_setup(hub: Hub) -> Tool:
    async def auto_setup(
        ctx: Context,
        category: Category = "general",
        prefer_quality: bool = False,
        skip_pull: bool = False,
        skip_preload: bool = False,
    ) -> str:
        ranked = await _ranked(hub, category, prefer_quality=prefer_quality)
        can = hub.engine.view().capabilities
        usable = _usable(ranked, may_pull=not skip_pull and can.pull)
        async with progress_to(ctx) as report:

            async def relay(progress: PullProgress) -> None:
                await report(progress.completed, progress.total or None, pulled(progress))

            done = await _prepare_best(hub, usable, relay, load=not skip_preload and can.load)
        if not skip_preload and not can.load:
            done += " This engine loads models on demand."
        return f"{hub.engine.view().label}. {done}"

    return make_tool(auto_setup, "Choose, download and load the best local model.", CHANGES)


def _configure_model_selector(hub: Hub) -> Tool:
    async def configure_model_selector(
        setting: Setting,
        action: Action,
        values: tuple[str, ...] = (),
        custom_config: Annotated[dict[str, str] | None, Field(description="category: model")] = None,
    ) -> str:
        settings = hub.selector.read()
        if action != "get":
            settings = _changed(settings, setting, action, values, custom_config or {})
            hub.selector.write(settings)
            hub.events.publish(ModelChoiceChanged(f"{setting} is now {_shown(getattr(settings, setting))}."))
        return f"{setting}: {_shown(getattr(settings, setting))}"

    return make_tool(configure_model_selector, "Show or change which local models may be chosen.", WRITES)


def _facts(each: Recommendation) -> dict[str, Any]:
    published = each.model.quality
    return {
        "model": each.model.name,
        "installed": each.installed,
        "your_choice": each.custom,
        "size": each.model.size,
        "fits": each.fits,
        "memory_left": each.left,
        "slow": each.slow,
        "expected_rate": each.rate,
        "license": each.model.license,
        "published": published.model_dump() if published else None,
        "measured": asdict(each.evidence) if each.evidence.latest else None,
    }


async def _ranked(hub: Hub, category: Category, *, prefer_quality: bool) -> tuple[Recommendation, ...]:
    measurements = hub.measuring.measurements
    found = await ranked(hub.engine, hub.folders, category, measurements, prefer_quality=prefer_quality)
    if not found:
        raise ModelNotFound(
            "The user's filters exclude all models.",
            "To see the filters, call configure_model_selector with action get.",
        )
    return found


def _usable(ranked: tuple[Recommendation, ...], *, may_pull: bool) -> list[Recommendation]:
    """Return the models that fit and are installed or can be downloaded, best model first.

    Raises:
        BackendUnsupported: no model fits.
        ModelNotFound: no model is installed.
    """
    usable = [each for each in ranked if each.fits and (may_pull or each.installed)]
    if usable:
        return usable
    if any(each.installed or may_pull for each in ranked):
        raise BackendUnsupported(
            "No model fits into the free memory.",
            "Close other programs, or load a model with preload_model.",
        )
    raise ModelNotFound(
        "No suitable model is installed.", "Install one in the engine, or call auto_setup without skip_pull."
    )


async def _prepare_best(hub: Hub, usable: list[Recommendation], report: ReportPull, *, load: bool) -> str:
    """Prepare the best model and return a report. If its download fails, prepare the best installed model
    instead.

    Raises:
        DownloadError, ModelTooLarge: neither model is available.
    """
    best = usable[0]
    try:
        return f"Chose {best.line}.{await _ready(hub, best, report, load=load)}"
    except (DownloadError, ModelTooLarge) as error:
        spare = next((each for each in usable[1:] if each.installed), None)
        if spare is None:
            raise
        instead = f"{best.model.name} cannot be downloaded ({error.code}). Chosen instead: {spare.line}."
        return instead + await _ready(hub, spare, report, load=load)


async def _ready(hub: Hub, chosen: Recommendation, report: ReportPull, *, load: bool) -> str:
    done = ""
    if not chosen.installed:
        await hub.engine.pull(chosen.model.name, report)
        done = " Downloaded it."
    if load:
        await hub.engine.load(chosen.model.name)
        done += " It is loaded and warm."
    return done


def _changed(
    settings: SelectorSettings,
    setting: Setting,
    action: Action,
    values: tuple[str, ...],
    config: dict[str, str],
) -> SelectorSettings:
    table: dict[str, Any] = settings.model_dump()
    if setting == "custom_recommendations":
        table[setting] = _changed_table(table[setting], action, values, config)
    else:
        if config or not (values or action == "set"):
            raise BadArguments(f"{setting} takes values.", "Name them in `values`.")
        table[setting] = _changed_list(table[setting], action, values)
    try:
        return SelectorSettings.model_validate(table)
    except ValidationError as error:
        raise BadArguments(
            f"custom_config: {error.errors()[0]['msg']}.", "Its keys are recommend_model's categories."
        ) from None


def _changed_list(kept: tuple[str, ...], action: Action, values: tuple[str, ...]) -> tuple[str, ...]:
    if action == "remove":
        return tuple(each for each in kept if each not in values)
    return tuple(dict.fromkeys((*(kept if action == "add" else ()), *values)))


def _changed_table(
    kept: dict[str, str], action: Action, values: tuple[str, ...], config: dict[str, str]
) -> dict[str, str]:
    if action == "remove":
        gone = {*values, *config}
        return {category: model for category, model in kept.items() if category not in gone}
    if values or not (config or action == "set"):
        raise BadArguments("custom_recommendations takes `custom_config`.", "Give its category and model.")
    return {**(kept if action == "add" else {}), **config}


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return ", ".join(f"{category} = {model}" for category, model in value.items()) or "none"
