"""Tests of the feature counts against the reference, and of model names."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.ledger.tokens import (
    SCRIPT_FEATURES,
    coefficients,
    count_features,
    estimate_call,
    estimate_definition,
    estimate_result,
    estimate_tokens,
    family_of,
)

pytestmark = pytest.mark.fast

DATA = Path(__file__).parents[1] / "data"


def test_counts_equal_the_reference() -> None:
    """Compares 814 texts of all scripts and unusual runs with the counts of the calibration table's code."""
    expected = json.loads(gzip.decompress((DATA / "features.json.gz").read_bytes()))
    for text, counts in expected["rows"]:
        assert count_features(text) == dict(zip(expected["names"], counts, strict=True)), repr(text)


TRICKY = st.text(alphabet="aBz0 \t\n-=é漢│😀\u00a0\x85", max_size=60)


@given(text=st.one_of(TRICKY, st.text(max_size=60)))
def test_counts_equal_plain_patterns(text: str) -> None:
    features = count_features(text)
    words = re.findall("[A-Za-z]+", text)
    marks = re.findall(r"[!-/:-@\[-`{-~]+", text)
    repeats = [match[0] for match in re.finditer(r"([!-/:-@\[-`{-~])\1{3,}", text)]
    blanks = re.findall("[ \t]{2,}", text)
    newlines = re.findall("\n+", text)
    digits = re.findall("[0-9]+", text)
    assert features["words"] == len(words)
    assert features["wsp"] == len(re.findall(r"(?<=[^\s] )[A-Za-z]", text))
    assert features["wlen"] == sum(map(len, words))
    assert features["wlong"] == sum(max(0, len(word) - 8) for word in words)
    assert features["camel"] == len(re.findall("[a-z][A-Z]|[A-Z]{2}[a-z]", text))
    assert features["caps"] == sum(map(len, re.findall("[A-Z]{2,}", text)))
    assert (features["dig"], features["digruns"]) == (sum(map(len, digits)), len(digits))
    assert features["punct"] == sum(map(len, marks)) - sum(map(len, repeats))
    assert features["pruns"] == len(marks)
    assert (features["rep_n"], features["rep_c"]) == (len(repeats), sum(map(len, repeats)))
    assert (features["nl"], features["nlx"]) == (len(newlines), sum(map(len, newlines)) - len(newlines))
    assert (features["sprun"], features["spchars"]) == (len(blanks), sum(map(len, blanks)))
    beyond_ascii = sum(features[name] for name in SCRIPT_FEATURES)
    assert beyond_ascii == sum(ord(char) > 127 for char in text)


def test_half_a_surrogate_pair_is_counted() -> None:
    assert count_features("a\ud800b")["oth"] == 1


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-3-5-sonnet-20241022", "A"),
        ("claude-sonnet-4-20250514", "A"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "A"),
        ("claude-haiku-4-5@20251001", "A"),
        ("claude-opus-4.6", "A"),
        ("claude-sonnet-4-6[1m]", "A"),
        ("claude-opus-4-7", "B"),
        ("claude-opus-4.8", "B"),
        ("claude-opus-5.5", "B"),
        ("claude-fable-5-1-20261001", "B"),
        ("somebody-elses-model", "B"),
        ("", "B"),
    ],
)
def test_the_family_comes_from_the_name(model: str, family: str) -> None:
    assert family_of(model) == family


def test_a_call_is_framing_names_and_values() -> None:
    value = '{"a":[1,2]}'
    expected = 22.2352 + 2 * 19.538 + 9 * 0.9301 + estimate_tokens("x y", "B") + estimate_tokens(value, "B")
    assert estimate_call({"task": "x y", "other": {"a": [1, 2]}}, "B") == pytest.approx(expected)


def test_a_call_on_4_7_costs_its_surcharge() -> None:
    plain = estimate_call({}, "B", "claude-opus-4-8")
    assert estimate_call({}, "B", "claude-opus-4-7") - plain == pytest.approx(15.6358)


def test_a_result_is_framing_and_text() -> None:
    text = estimate_tokens("done", "A")
    assert estimate_result("done", "A") == pytest.approx(12.1263 + text)
    assert estimate_result("done", "A", error=True) == pytest.approx(12.1263 + 1.6829 + text)


def test_a_definition_costs_a_fifth_more_than_its_json() -> None:
    definition = {"name": "t", "description": "Does it.", "input_schema": {"type": "object"}}
    text = '{"name":"t","description":"Does it.","input_schema":{"type":"object"}}'
    assert estimate_definition(definition, "B") == pytest.approx(1.2 * estimate_tokens(text, "B"))


def test_both_families_have_all_coefficients() -> None:
    features = set(count_features(""))
    for family, vector in coefficients().items():
        assert features < set(vector), family
        assert set(vector) - features == {
            "c_text",
            "c_use",
            "c_use47",
            "c_par",
            "c_keyname",
            "c_res",
            "c_err",
        }
