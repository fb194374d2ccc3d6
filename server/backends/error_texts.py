"""Finds the error text in JSON from engines, gateways and frameworks, wherever they are known to put it."""

import re
from contextlib import suppress
from typing import Any

from server.backends.wire import Garbled, label_of, object_of, objects_of, parse_object

UNSAID = "an error without a message"
MOST_TEXT = 500
"""Maximum length of an error text (characters)."""

_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MESSAGES = ("message", "error_message", "detail", "details", "msg", "reason", "error_description")
_TYPES = ("type", "error_type")


def error_in(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error reported by a JSON object in a stream, in the form of ``error_details``; None if the
    object is part of an answer. ``"error": null`` is not an error.
    """
    if fields.get("error") or "error" in (fields.get("object"), fields.get("type")):
        return error_details(fields)
    named = any(fields.get(key) for key in ("error_message", "error_type", "detail"))
    answers = fields.get("choices") or fields.get("message")
    return error_details(fields) if named and not answers else None


def error_details(fields: dict[str, Any]) -> dict[str, Any]:
    """Return an error's fields, with its text as ``message`` and its kind as ``type``.

    Known forms: ``{"error": "…"}``, ``{"error": {"message": …}}``, JSON nested in such a text (Ollama
    forwards its runner's errors), ``{"object": "error", "message": …}`` (vLLM), ``{"detail": …}`` (FastAPI,
    also as a list), and ``{"error_type": …, "error_message": …}``.
    """
    error = fields.get("error") or fields
    if isinstance(error, str) and error.lstrip().startswith("{"):
        with suppress(Garbled):  # a sentence can start with a brace
            inner = parse_object(error)
            error = inner.get("error") or inner
    if isinstance(error, str):
        return {"message": label_of(error)[:MOST_TEXT]}
    details = dict(object_of(error))
    message = _text_in(details) or (_text_in(fields) if fields is not error else "")
    kind = next((label_of(details[key]) for key in _TYPES if label_of(details.get(key))), "")
    return details | {"message": message[:MOST_TEXT], "type": kind}


def plain_error(body: bytes) -> str:
    """Return the text of a non-JSON error. For a gateway's HTML page, this is the page's title."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        text = " ".join(title[1].split()) if title else ""
    return label_of(text)[:MOST_TEXT]


def _text_in(fields: dict[str, Any]) -> str:
    for key in _MESSAGES:
        value = fields.get(key)
        found = label_of(value) or label_of(object_of(value).get("message"))
        found = found or "; ".join(filter(None, (label_of(each.get("msg")) for each in objects_of(value))))
        if found:
            return found
    return ""
