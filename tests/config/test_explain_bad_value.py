"""Explanations of bad values, for every setting."""

import pytest
from pydantic import BaseModel

from server.backends.keep_alive import parse_keep_alive
from server.config.settings import Settings
from server.config.settings_file import explain_bad_value

pytestmark = pytest.mark.fast


def every_setting() -> list[tuple[str, str, object]]:
    """Return section, key and default of every setting."""
    found: list[tuple[str, str, object]] = []
    for name, field in Settings.model_fields.items():
        section = field.default
        if isinstance(section, BaseModel):
            found += [(name, key, getattr(section, key)) for key in type(section).model_fields]
        else:
            found.append(("", name, field.get_default(call_default_factory=True)))
    return found


@pytest.mark.parametrize(("section", "key", "default"), every_setting(), ids=lambda each: str(each)[:40])
def test_a_default_needs_no_explanation(section: str, key: str, default: object) -> None:
    assert explain_bad_value(section, key, default) == ""


def test_a_bad_value_is_explained() -> None:
    assert explain_bad_value("offload", "max_output_tokens", 3) == "Give a whole number of at least 16."
    assert explain_bad_value("backend", "keep_alive", "soon") == "Give a value such as 10m, 1h30m, -1."


@pytest.mark.parametrize("value", ["0", "-1", "90", "10m", "1h30m", "1.5h", "500ms"])
def test_every_duration_of_an_engine_is_a_setting(value: str) -> None:
    assert explain_bad_value("backend", "keep_alive", value) == ""
    parse_keep_alive(value)
