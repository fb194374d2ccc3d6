"""Ollama's checks of a request and its error messages (those of a Go program), from recorded exchanges."""

import json
import re
from typing import Any

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_INTEGERS = ("num_ctx", "num_predict", "seed", "num_gpu", "top_k")
DEFAULT_KEEP_ALIVE = 300.0


class GoError(Exception):
    """An error, sent as ``{"error": message}``."""

    def __init__(
        self, status: int, message: str, content_type: str = "application/json; charset=utf-8"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.content_type = content_type


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the request's JSON object.

    Raises:
        GoError: it is empty or not JSON.
    """
    if not body:
        raise GoError(400, "missing request body")
    try:
        value: dict[str, Any] = json.loads(body)
    except json.JSONDecodeError as error:
        found = body.decode()[error.pos]
        raise GoError(
            400, f"invalid character '{found}' looking for beginning of object key string"
        ) from None
    return value


def check_chat(name: str, body: dict[str, Any], *, thinks: bool) -> None:
    """Check that Ollama accepts the options, the format and ``think``.

    Raises:
        GoError: one is not.
    """
    for option in _INTEGERS:
        value = (body.get("options") or {}).get(option, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise GoError(500, f'option "{option}" must be of type integer')
    form = body.get("format")
    if form is not None and form != "json" and not isinstance(form, dict):
        quoted = json.dumps(json.dumps(form))
        raise GoError(500, f'invalid format: {quoted}; expected "json" or a valid JSON Schema object')
    if body.get("think") and not thinks:
        raise GoError(400, f'"{name}" does not support thinking')


def keep_alive_seconds(value: Any) -> float:
    """Return ``keep_alive`` in seconds: a number, or a Go duration; negative means forever.

    Raises:
        GoError: it is not a duration.
    """
    if value is None:
        return DEFAULT_KEEP_ALIVE
    if isinstance(value, int | float):
        return value
    if not _DURATION.fullmatch(value):
        kind = "missing unit in" if re.fullmatch(r"-?\d+", value) else "invalid"
        raise GoError(400, f'time: {kind} duration "{value}"')
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", value)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -seconds if value.startswith("-") else seconds
