"""Small input schemas: every character costs tokens in every Claude session."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

Schema = dict[str, Any]

CHECKS_LENGTH = 110
"""Maximum length of the description that names the user's checks (characters)."""
_EMPTY: tuple[Any, ...] = ("", None, [])


def compact(schema: Schema) -> Schema:
    """Return an equivalent schema without pydantic's titles, ``$defs`` and empty defaults."""
    return _compact(schema, schema.get("$defs", {}))


def with_checks(schema: Schema, names: Sequence[str]) -> Schema:
    """Return the schema with the ``names`` of the user's checks, or without this argument if there are no
    checks.

    A call that names a check anyway is answered with an error.
    """
    properties = schema.get("properties", {})
    if "check" not in properties:
        return schema
    others = {key: value for key, value in properties.items() if key != "check"}
    if names:
        said = shorten(f"One of the user's checks: {', '.join(names)}", CHECKS_LENGTH, placeholder=" …")
        others["check"] = {**properties["check"], "description": said}
    return {**schema, "properties": others}


def _compact(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    if (reference := schema.get("$ref")) is not None:
        target = definitions[reference.removeprefix("#/$defs/")]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    small: Schema = {}
    for key, value in schema.items():
        if key in ("title", "$defs") or (key == "default" and value in _EMPTY):
            continue
        if key == "properties":
            small[key] = {name: _compact(each, definitions) for name, each in value.items()}
        elif isinstance(value, dict):
            small[key] = _compact(value, definitions)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            small[key] = [_compact(each, definitions) for each in value]
        else:
            small[key] = value
    return small
