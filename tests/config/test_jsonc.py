"""Edits of one entry of a commented JSON file: every other byte stays."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.config.textedit.jsonc import JsonError, get_member, parse, remove_member, set_member

pytestmark = pytest.mark.fast

PATH = ("mcpServers", "token-saver")
ENTRY = {"command": "/opt/token-saver-mcp", "args": []}

FILES = {
    "empty object": "{}\n",
    "empty object on lines": "{\n}\n",
    "other servers": '{\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  }\n}\n',
    "no servers yet": '{\n  "theme": "dark"\n}',
    "empty list of servers": '{\n  "mcpServers": {},\n  "theme": "dark"\n}\n',
    "tabs": '{\n\t"mcpServers": {\n\t\t"other": {"command": "x"}\n\t}\n}\n',
    "four blanks and Windows line ends": '{\r\n    "mcpServers": {\r\n        "other": {}\r\n    }\r\n}\r\n',
    "one line": '{"mcpServers": {"other": {"command": "x"}}, "a": [1, 2]}',
    "comments": (
        '// Zed settings\n//\n{\n  /* look */ "theme": "One Dark", // dark\n'
        '  "mcpServers": {\n    // the other one\n    "other": { "command": "x" } // keep\n  }\n}\n'
    ),
    "trailing commas": '{\n  "mcpServers": {\n    "other": { "args": ["a",], },\n  },\n}\n',
    "byte order mark": '\ufeff{\n  "mcpServers": {\n    "other": {}\n  }\n}\n',
    "braces in texts": '{\n  "a": "}{ // no comment \\" /*",\n  "mcpServers": {\n    "{": {}\n  }\n}\n',
    "not only ASCII": '{\n  "mcpServers": {\n    "größe": {"command": "C:\\\\Jörg"}\n  }\n}\n',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_set_adds_the_entry_and_nothing_else(text: str) -> None:
    before = parse(text).value
    changed = set_member(text, PATH, ENTRY)
    after = parse(changed).value
    assert after["mcpServers"].pop("token-saver") == ENTRY
    if "mcpServers" not in before:
        assert after.pop("mcpServers") == {}
    assert after == before
    # The old text is a subsequence of the new one: text was only added.
    rest = iter(changed)
    assert all(character in rest for character in text)
    assert ("\r\n" in text) == ("\r\n" in changed)
    assert changed.count("\n") - changed.count("\r\n") == 0 or "\r\n" not in text


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_set_twice_is_set_once(text: str) -> None:
    once = set_member(text, PATH, ENTRY)
    assert set_member(once, PATH, ENTRY) == once


@pytest.mark.parametrize(
    "text",
    [text for text in FILES.values() if '"other"' in text or '"{"' in text or "größe" in text],
    ids=[name for name, text in FILES.items() if '"other"' in text or '"{"' in text or "größe" in text],
)
def test_remove_restores_the_text_before_set(text: str) -> None:
    assert remove_member(set_member(text, PATH, ENTRY), PATH) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"mcpServers": {"token-saver": {}, "b": {}}}', '{"mcpServers": {"b": {}}}'),
        ('{"mcpServers": {"a": {}, "token-saver": {}}}', '{"mcpServers": {"a": {}}}'),
        ('{"mcpServers": {"a": {}, "token-saver": {}, "b": 1}}', '{"mcpServers": {"a": {}, "b": 1}}'),
        ('{\n  "mcpServers": {\n    "token-saver": {}\n  }\n}', '{\n  "mcpServers": {}\n}'),
        (
            '{"mcpServers": {\n  "a": {}, // first\n  "token-saver": {}\n}}',
            '{"mcpServers": {\n  "a": {} // first\n}}',
        ),
        ('{"mcpServers": {\n  "a": {},\n  "token-saver": {},\n}}', '{"mcpServers": {\n  "a": {},\n}}'),
        ('{"mcpServers": {"token-saver": {} /* c */ ,}}', '{"mcpServers": {/* c */ }}'),
        ('{"mcpServers": {"token-saver": {} /* c */, "b": 1}}', '{"mcpServers": {/* c */ "b": 1}}'),
        ('{"mcpServers": {"a": 1,// first\n"token-saver": {}}}', '{"mcpServers": {"a": 1// first\n}}'),
        ('{"mcpServers": {"a": 1, // first\n"token-saver": {},\n}}', '{"mcpServers": {"a": 1, // first\n}}'),
        ('{"mcpServers": {"a": 1}}', '{"mcpServers": {"a": 1}}'),
        ("{}", "{}"),
        ("", ""),
        ('{"mcpServers": 7}', '{"mcpServers": 7}'),
    ],
    ids=[
        "first",
        "last",
        "middle",
        "only",
        "last-after-a-comment",
        "last-with-trailing-comma",
        "only-with-comment-and-comma",
        "comment-before-the-comma",
        "comment-without-line-end",
        "comment-and-trailing-comma",
        "missing-entry",
        "missing-list",
        "empty-text",
        "not-an-object",
    ],
)
def test_remove_deletes_only_the_entry(text: str, left: str) -> None:
    assert remove_member(text, PATH) == left


def test_existing_entry_is_replaced_in_place() -> None:
    text = '{\n  "mcpServers": {\n    "token-saver": {"command": "/old"}, // mine\n    "b": {}\n  }\n}\n'
    changed = set_member(text, PATH, ENTRY)
    assert get_member(changed, PATH) == ENTRY
    assert "}, // mine\n" in changed
    assert changed.index("token-saver") < changed.index('"b"')


def test_set_fills_an_empty_file() -> None:
    assert json.loads(set_member("", PATH, ENTRY)) == {"mcpServers": {"token-saver": ENTRY}}
    assert json.loads(set_member(" \n", PATH, ENTRY)) == {"mcpServers": {"token-saver": ENTRY}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ('{\n  "a": \n}', 3),
        ('{\n  "a": 1\n  "b": 2\n}', 3),
        ('{\n  "a": tru\n}', 2),
        ("{} {}", 1),
        ('{"a": [1, 2}', 1),
        ("{'a': 1}", 1),
        ('{"a" 1}', 1),
        ("[1", 1),
        ('{"a": 1.2.3}', 1),
    ],
    ids=[
        "unclosed-object",
        "missing-value",
        "missing-comma",
        "cut-literal",
        "text-after-the-end",
        "mixed-brackets",
        "single-quotes",
        "missing-colon",
        "unclosed-list",
        "two-points",
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(JsonError) as caught:
        set_member(text, PATH, ENTRY)
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["[]", '{"mcpServers": []}', "7"], ids=["list", "list-of-servers", "number"])
def test_file_without_the_expected_objects_is_refused(text: str) -> None:
    with pytest.raises(JsonError, match="is not an object"):
        set_member(text, PATH, ENTRY)


BLANKS = st.sampled_from(["", " ", "\n  ", "\r\n", "\t", " /* c, } */ ", " // x, }\n", "// y\r\n\t"])


@st.composite
def commented(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    """A list of servers with comments in every possible place, and its parsed value."""
    servers = draw(st.lists(st.sampled_from(["a", "b", "c", "token-saver"]), max_size=4, unique=True))
    text = "{" + draw(BLANKS) + '"mcpServers"' + draw(BLANKS) + ":" + draw(BLANKS) + "{" + draw(BLANKS)
    for index, name in enumerate(servers):
        value = draw(st.sampled_from(["1", '"//no"', "[1,2]", "{}"]))
        text += f'"{name}"' + draw(BLANKS) + ":" + draw(BLANKS) + value + draw(BLANKS)
        if index < len(servers) - 1 or draw(st.booleans()):
            text += "," + draw(BLANKS)
    text += "}" + draw(BLANKS) + "}" + draw(BLANKS)
    return text, parse(text).value


@given(commented())
def test_comments_in_any_place_are_kept_out_of_the_values(case: tuple[str, dict[str, object]]) -> None:
    text, document = case
    servers = document["mcpServers"]
    assert isinstance(servers, dict)
    changed = parse(set_member(text, PATH, ENTRY)).value
    assert changed == {"mcpServers": {**servers, "token-saver": ENTRY}}
    removed = parse(remove_member(text, PATH)).value
    assert removed == {"mcpServers": {name: each for name, each in servers.items() if name != "token-saver"}}


def test_deeply_nested_brackets_are_refused() -> None:
    text = '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}"
    for use in (parse, lambda given: get_member(given, PATH), lambda given: set_member(given, PATH, ENTRY)):
        with pytest.raises(JsonError, match="nested too deeply"):
            use(text)


def test_duplicate_entry_is_refused() -> None:
    text = '{"mcpServers": {"token-saver": 1, "token-saver": 2}}'
    with pytest.raises(JsonError, match="cannot be edited"):
        remove_member(text, PATH)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    document=st.dictionaries(st.text(max_size=6), VALUES, max_size=4),
    servers=st.dictionaries(st.text(max_size=6), VALUES, max_size=3),
    indent=st.sampled_from([None, 2, 4, "\t"]),
)
def test_set_and_remove_restore_any_document(
    document: dict[str, object], servers: dict[str, object], indent: int | str | None
) -> None:
    document["mcpServers"] = servers
    servers.pop("token-saver", None)
    text = json.dumps(document, indent=indent)
    assert parse(text).value == document
    changed = set_member(text, PATH, ENTRY)
    assert json.loads(changed) == {**document, "mcpServers": {**servers, "token-saver": ENTRY}}
    removed = remove_member(changed, PATH)
    assert json.loads(removed) == document
    if servers:
        assert removed == text
