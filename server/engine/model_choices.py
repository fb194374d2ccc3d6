"""What is known about chosen models: the engine they were chosen on, and how long the user wants them to stay
loaded.
"""

from dataclasses import replace

from server.backends.base import Backend, GenerationRequest
from server.common.errors import EngineChanged, ModelNotFound


class ModelChoices:
    """One hub's choices, by model."""

    def __init__(self) -> None:
        self._chosen_on: dict[str, Backend] = {}
        self._keep_alive: dict[str, str] = {}

    def record(self, model: str, backend: Backend) -> None:
        """Record that the model was chosen on ``backend``."""
        self._chosen_on[model] = backend

    def explained(
        self, model: str, backend: Backend | None, error: ModelNotFound
    ) -> ModelNotFound | EngineChanged:
        """Return the error for a chosen model that ``backend`` lacks but another engine may have had."""
        if self._chosen_on.get(model, backend) is backend:
            return error
        return EngineChanged(
            f"The engine changed after {model} was chosen, and the new engine lacks this model.",
            "Try again: a model will be chosen again.",
        )

    def keep(self, model: str, keep_alive: str | None) -> None:
        """Record how long the user wants the model to stay loaded. None clears the record."""
        if keep_alive:
            self._keep_alive[model] = keep_alive
        else:
            self._keep_alive.pop(model, None)

    def kept(self, request: GenerationRequest) -> GenerationRequest:
        """Return the request with the user's ``keep_alive``, because engines reset it on each request."""
        wanted = self._keep_alive.get(request.model)
        return replace(request, keep_alive=wanted) if wanted else request
