"""Normalised arguments: lists, numbers and truth values that a client wrote as text."""

from typing import Any, get_args

from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError


def as_read(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the tool reads them, so that the policy judges what will run.

    The package accepts a list that is written as JSON in a text. Here, a plain text in place of a list of
    texts becomes a list of one, or an empty list if it is empty; this includes the ``tasks`` of a batch.
    """
    read = tool.fn_metadata.pre_parse_json(arguments)
    for name, field in tool.fn_metadata.arg_model.model_fields.items():
        if list[str] in (field.annotation, *get_args(field.annotation)) and isinstance(read.get(name), str):
            read[name] = _as_list(read[name])
    read |= _converted(tool, read)
    tasks = read.get("tasks")
    if isinstance(tasks, list):
        read["tasks"] = [_with_list(each) for each in tasks]
    return read


def _converted(tool: Tool, read: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and truth values that the package accepts as texts, such as ``"true"``."""
    try:
        values = tool.fn_metadata.validate_arguments(read)
    except ValidationError:
        return {}  # the tool says what is wrong, after the policy
    return {name: values[name] for name in read if isinstance(values.get(name), bool | int | float)}


def _with_list(task: object) -> object:
    if isinstance(task, dict) and isinstance(files := task.get("files"), str):
        return {**task, "files": _as_list(files)}
    return task


def _as_list(text: str) -> list[str]:
    return [text] if text else []
