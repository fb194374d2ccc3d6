"""Normalised arguments: lists, numbers and booleans may arrive as text, and absent values as null."""

from collections.abc import Collection
from typing import Any, get_args

from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError

from server.batch.plan import LISTS


def as_read(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the tool reads them, so that the policy judges the real call.

    The package accepts a list that is written as JSON text. Here, a plain string in place of a list of
    strings becomes a list with one entry, or an empty list if the string is empty. This includes the
    ``tasks`` of a batch. Some clients send null, the string ``null`` or ``["null"]`` for every unused
    argument; such an argument gets its default. A number in place of a string (``keep_alive``) becomes a
    string.
    """
    fields = tool.fn_metadata.arg_model.model_fields
    optional = {name for name, field in fields.items() if not field.is_required()}
    read = tool.fn_metadata.pre_parse_json(_without_nulls(arguments, optional))
    for name, field in fields.items():
        if field.annotation is str and _is_number(read.get(name)):
            read[name] = f"{read[name]:g}"
    for name, field in fields.items():
        if list[str] in (field.annotation, *get_args(field.annotation)) and isinstance(read.get(name), str):
            read[name] = _as_list(read[name])
    read |= _converted(tool, read)
    tasks = read.get("tasks")
    if isinstance(tasks, list):
        read["tasks"] = [_with_list(each) for each in tasks]
    return read


def _converted(tool: Tool, read: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and booleans that the package accepts as strings, such as ``"true"``."""
    try:
        values = tool.fn_metadata.validate_arguments(read)
    except ValidationError:
        return {}  # the tool reports the error, after the policy
    return {name: values[name] for name in read if isinstance(values.get(name), bool | int | float)}


def _with_list(task: object) -> object:
    if not isinstance(task, dict):
        return task
    given = _without_nulls(task, set(task) - {"task"})
    texts = {name: _as_list(given[name]) for name in LISTS if isinstance(given.get(name), str)}
    return {**given, **texts}


def _without_nulls(arguments: dict[str, Any], optional: Collection[str]) -> dict[str, Any]:
    nulls = (None, "null", ["null"], [None])
    return {name: value for name, value in arguments.items() if name not in optional or value not in nulls}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_list(text: str) -> list[str]:
    return [text] if text else []
