"""Tests of the JSON reader that the hooks use: it agrees with the module ``json``."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bridge import plain_json
from server.bridge.plain_json import loads

pytestmark = pytest.mark.fast

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_values_are_those_of_json(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert loads(text) == json.loads(text)
    if ascii_only:
        assert loads(f"\r\n\t {text} ".encode()) == json.loads(text)


def test_not_a_number_is_read() -> None:
    first, second = loads("[NaN, -Infinity]")
    assert math.isnan(first)
    assert second == -math.inf


@pytest.mark.parametrize(
    "text",
    ["", "[", '{"a"}', "[1] 2", '{"a":1,}', '"\x01"', "nul", b"\xff\xfe", "'a'"],
    ids=["nothing", "open", "no-value", "two", "comma", "control", "word", "no-utf-8", "quotes"],
)
def test_what_is_not_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is of no importance
        loads(text)


def test_deep_nesting_is_a_recursion_error() -> None:
    with pytest.raises(RecursionError):
        loads("[" * 100_000)


def test_without_the_c_scanner_json_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_json, "make_scanner", None)
    assert loads(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("module", ["server.bridge.discovery", "server.statusline.main"])
def test_what_hooks_import_loads_no_slow_module(module: str) -> None:
    program = f"import sys; import {module}; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    slow = {"enum", "json", "re", "socket", "subprocess", "typing", "encodings.idna"}
    assert slow.isdisjoint(done.stdout.split()), slow & set(done.stdout.split())
