"""LM Studio (0.4 or newer), which generates via OpenAI's protocol and manages models via its own protocol
under ``/api/v1``.

Unknown routes return status 200 and ``{"error": …}`` (see https://lmstudio.ai/docs/developer/rest).
"""

import asyncio
from typing import Any

from server.backends.base import (
    Capabilities,
    GenerationRequest,
    InstalledModel,
    LoadedModel,
    PullProgress,
    ReportPull,
)
from server.backends.embedded.weights.references import USUAL_ENDPOINT, OnHub, parse_reference
from server.backends.model_names import not_found
from server.backends.openai.backend import OpenAICompatible
from server.backends.wire import (
    MOST_LOADED,
    count_of,
    label_of,
    models_of,
    object_of,
    objects_of,
    slots_of,
    tokens_of,
)
from server.common.errors import DownloadError

_POLL_SECONDS = 1.0


class LMStudio(OpenAICompatible):
    """The LM Studio server at ``url``. A model's context is set when it is loaded.

    Whether thinking can be turned off per request depends on the model's template.
    """

    kind = "lmstudio"
    product = "LM Studio"
    start_hint = "Start its server (Developer tab, or `lms server start`), or set [backend] url."
    capabilities = Capabilities(load=True, unload=True, list_loaded=True, pull=True, set_num_ctx=True)

    async def installed(self) -> tuple[InstalledModel, ...]:
        """Return the downloaded models."""
        return tuple(_installed(entry) for entry in await self._models())

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """Return the models in memory. ``size`` covers only the weights."""
        return tuple(
            LoadedModel(
                name=label_of(entry.get("key")),
                size=count_of(entry.get("size_bytes")),
                num_ctx=_num_ctx(instance),
                slots=_slots(instance),
            )
            for entry in [each for each in await self._models() if _instances(each)][:MOST_LOADED]
            for instance in _instances(entry)[:1]
        )

    async def context_length(self, model: str) -> int:
        """Return the longest context the model supports."""
        return tokens_of((await self._entry(model)).get("max_context_length"))

    async def slots(self, model: str) -> int:
        """Return how many requests the loaded model handles in parallel; 1 if unknown."""
        return max((_slots(each) for each in _instances(await self._entry(model))), default=1)

    async def load(self, model: str, num_ctx: int, keep_alive: str | None = None) -> None:  # noqa: ARG002
        """Load the model, or reload it if it was loaded with a shorter context."""
        instances = _instances(await self._entry(model))
        if any(_num_ctx(each) >= num_ctx for each in instances):
            return
        await self._unload(instances)
        body = {"model": model, "context_length": num_ctx}
        answer = await self._ask("POST", "/api/v1/models/load", body, model=model, seconds=None)
        if answer.get("status") != "loaded":
            raise self._connection.failed(f"could not load {model}: {_reason(answer)}")

    async def unload(self, model: str) -> None:
        """Unload all instances of the model."""
        await self._unload(_instances(await self._entry(model)))

    async def pull(self, model: str, report: ReportPull) -> None:
        """Download a model from LM Studio's catalogue, or from the Hugging Face Hub by its reference.

        Cancelling does not stop LM Studio's download.
        """
        job = await self._ask("POST", "/api/v1/models/download", _wanted(model))
        while True:
            status = label_of(job.get("status"))
            completed, total = count_of(job.get("downloaded_bytes")), count_of(job.get("total_size_bytes"))
            await report(PullProgress(model, status, completed, total))
            if status in ("completed", "already_downloaded"):
                return
            if status not in ("downloading", "paused"):
                raise DownloadError(
                    f"LM Studio could not download {model!r}: {_reason(job)}.",
                    "Check the name at https://lmstudio.ai/models and the network, and try again.",
                )
            await asyncio.sleep(_POLL_SECONDS)
            job = await self._ask("GET", f"/api/v1/models/download/status/{label_of(job.get('job_id'))}")

    async def _prepare(self, request: GenerationRequest) -> None:
        """Load the model with the requested context. On-demand loading would use a default context."""
        await self.load(request.model, request.num_ctx)

    def _thinking_off(self) -> dict[str, Any]:
        return {"chat_template_kwargs": {"enable_thinking": False}}

    async def _unload(self, instances: list[dict[str, Any]]) -> None:
        for instance in instances:
            body = {"instance_id": label_of(instance.get("id"))}
            await self._ask("POST", "/api/v1/models/unload", body)

    async def _models(self) -> list[dict[str, Any]]:
        models = models_of((await self._ask("GET", "/api/v1/models")).get("models"))
        return [entry for entry in models if label_of(entry.get("key"))]

    async def _entry(self, model: str) -> dict[str, Any]:
        models = await self._models()
        for entry in models:
            if entry.get("key") == model:
                return entry
        raise not_found(model, [_installed(entry) for entry in models])


def _wanted(model: str) -> dict[str, str]:
    """Return the download request. A name such as ``org/repo`` refers to LM Studio's own catalogue."""
    reference = parse_reference(model) if "://" in model or model.startswith("hf.co/") else None
    if not isinstance(reference, OnHub):
        return {"model": model}
    link = {"model": f"{USUAL_ENDPOINT}/{reference.repo}"}
    return link | ({"quantization": reference.wanted} if reference.wanted else {})


def _installed(entry: dict[str, Any]) -> InstalledModel:
    return InstalledModel(
        name=label_of(entry.get("key")),
        size=count_of(entry.get("size_bytes")),
        parameters=label_of(entry.get("params_string")),
        quantization=label_of(object_of(entry.get("quantization")).get("name")),
        family=label_of(entry.get("architecture")),
        context_length=tokens_of(entry.get("max_context_length")),
        generates=entry.get("type") != "embedding",
    )


def _instances(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return objects_of(entry.get("loaded_instances"))


def _num_ctx(instance: dict[str, Any]) -> int:
    return tokens_of(object_of(instance.get("config")).get("context_length"))


def _slots(instance: dict[str, Any]) -> int:
    return slots_of(object_of(instance.get("config")).get("parallel"))


def _reason(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    message = label_of(error) or label_of(object_of(error).get("message"))
    return message.rstrip(".") or label_of(answer.get("status")) or "no reason given"
