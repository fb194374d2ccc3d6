"""Small input schemas: every character costs tokens in every Claude session."""

from typing import Any

Schema = dict[str, Any]

_EMPTY: tuple[Any, ...] = ("", None, [])


def compact(schema: Schema) -> Schema:
    """Return an equivalent schema without pydantic's titles, ``$defs`` and empty defaults."""
    return _compact(schema, schema.get("$defs", {}))


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
