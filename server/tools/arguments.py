"""Arguments as the tools will read them, whatever way a client spells a list."""

from typing import Any, get_args

from mcp.server.mcpserver.tools import Tool
from pydantic import ValidationError


def as_read(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the tool will read them: what the user's rules see must be what runs.

    The package takes a list that is written as JSON in a text; here, a bare text for a list of texts is a
    list of one, or of none where it is empty, and so it is in the ``tasks`` of a batch.
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
    """Return the numbers and truth values that the package reads out of texts, such as ``"true"``."""
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
