"""Comparison of data: keys that vanish, move, are renamed, doubled, or change their type."""

import json

import pytest

from server.offload.compare.trees import compare_trees, parse_tree, without_json_comments


def changes(before: str, after: str, kind: str) -> list[str]:
    old, new = parse_tree(before, kind), parse_tree(after, kind)
    assert old is not None
    assert new is not None
    return [change.text for change in compare_trees(old, new, before)]


CHANGED = [
    ("JSON key", "json", '{"a": 1, "b": 2}', '{"a": 1}', "removed key b"),
    ("YAML key", "yaml", "a:\n  b: 1\n  c: 2\n", "a:\n  b: 1\n", "removed key a.c"),
    ("TOML key", "toml", "[a]\nb = 1\nc = 2\n", "[a]\nb = 1\n", "removed key a.c"),
    ("JSONC key", "jsonc", '{"a": 1, // one\n "b": 2}', '{"a": 1}', "removed key b"),
    ("rename", "yaml", "a: 1\nb: 2\n", "a: 1\nc: 2\n", "renamed key b to c"),
    ("rename of a boolean", "yaml", "a: 1\nb: true\n", "a: 1\nc: true\n", "renamed key b to c"),
    ("replacement", "toml", "a = 1\nb = 2\n", "a = 1\nc = 3\n", "replaced key b"),
    ("move", "json", '{"a": {"x": 5}, "b": {}}', '{"a": {}, "b": {"x": 5}}', "moved key a.x"),
    ("doubled key", "json", '{"a": 1}', '{"a": 1, "a": 2}', "defined twice: key a"),
    ("type", "json", '{"a": {"x": 1}}', '{"a": [1]}', "changed type of a"),
    ("digits", "json", '{"a": 1.50}', '{"a": 1.5}', "changed a: 1.50 became 1.5"),
    ("list item", "yaml", "a:\n- name: x\n- name: y\n", "a:\n- name: x\n", "removed key a.y"),
    ("document", "json", '{"a": 1}', "[1]", "changed type of the document"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("_name", "kind", "before", "after", "named"), CHANGED, ids=[each[0] for each in CHANGED]
)
def test_a_change_of_keys_is_named(_name: str, kind: str, before: str, after: str, named: str) -> None:
    assert changes(before, after, kind) == [named]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("json", '{"a": 1}', '{"a": 2, "b": [1]}'),
        ("yaml", "a: &x {b: 1}\nc: *x\n", "a: &x {b: 2}\nc: *x\n"),
        ("toml", "a = 1\n", "a = 2\n[b]\nc = 1\n"),
        ("yaml", "? [1, 2]\n: x\nb: 1\n", "b: 2\n? [1, 2]\n: x\n"),
    ],
    ids=["json", "yaml with an anchor", "toml", "yaml with a complex key"],
)
def test_new_values_and_keys_are_no_change(kind: str, before: str, after: str) -> None:
    assert changes(before, after, kind) == []


def test_deep_data_is_compared_without_recursion() -> None:
    deep = "[" * 900 + "1" + "]" * 900
    assert changes(f'{{"a": {deep}, "b": 1}}', f'{{"a": {deep}}}', "json") == ["removed key b"]


def test_equal_trees_have_equal_shapes() -> None:
    one, other = parse_tree("a: [1, x]\n", "yaml"), parse_tree('{"a": [1, "x"]}', "json")
    assert one is not None
    assert other is not None
    assert one.shape == other.shape


def test_comments_are_removed_outside_of_texts_only() -> None:
    text = '{"a": "// no", /* yes */ "b": 1, }'
    assert json.loads(without_json_comments(text)) == {"a": "// no", "b": 1}


def test_items_of_a_list_are_compared_with_those_in_their_place() -> None:
    before = "e:\n- g: A\n  r: 1\n- g: A\n  r: 2\n"
    added = "e:\n- g: N\n  r: 9\n- g: A\n  r: 1\n- g: A\n  r: 2\n"
    assert changes(before, added, "yaml") == []
    assert changes(before, added.replace("  r: 1\n", ""), "yaml") == ["removed key e.[0].r"]
