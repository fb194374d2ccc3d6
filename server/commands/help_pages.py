"""Commands whose help names values as users know them, instead of Python types."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption


def without_types(params: Sequence[Any]) -> None:
    """Let the help show ``--output <output>`` and the choices of an option, and nothing beside flags and
    arguments. Typer would show ``<str>``, ``<bool>`` and ``<list[str]>``.
    """
    for param in params:
        name = _value_name(param)
        param.display_type_rich = lambda name=name, **_: name


def _value_name(param: Any) -> str | None:
    if not isinstance(param, TyperOption) or param.is_flag:
        return None
    choices = param.type_descriptor.choices if param.type_descriptor.is_choice else None
    return "|".join(map(str, choices)) if choices else f"<{str(param.name).replace('_', '-')}>"


class PlainCommand(TyperCommand):
    """A command with such a help page."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        params = super().get_params(ctx)
        without_types(params)
        return params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line, with arguments as ``<name>``."""
        return [each.replace("{", "<").replace("}", ">") for each in super().collect_usage_pieces(ctx)]


class PlainGroup(TyperGroup):
    """A group of commands with such a help page."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters."""
        params = super().get_params(ctx)
        without_types(params)
        return params
