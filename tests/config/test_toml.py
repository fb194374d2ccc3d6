"""Edits of one key or one table of a TOML file: every other byte stays."""

import tomllib

import pytest

from server.config.textedit.toml import TomlError, get_table, remove_table, set_key, set_table

pytestmark = pytest.mark.fast

PATH = ("mcp_servers", "token-saver")
ENTRY = {"command": "/opt/token saver/mcp", "args": ["-x"]}

FILES = {
    "empty": "",
    "settings": 'model = "gpt-5.5"  # fast\napproval_policy = "on-request"\n',
    "no line end": 'model = "gpt-5.5"',
    "other server": '[mcp_servers.docs]\ncommand = "npx"\nargs = ["-y", "docs"]\n\n[tui]\ntheme = "dark"\n',
    "arrays over lines": '[mcp_servers.docs]\nargs = [\n  "[x]",\n  "b",\n]\n',
    "Windows line ends": '# mine\r\nmodel = "x"\r\n\r\n[tui]\r\ntheme = "dark"\r\n',
    "array of tables": '[[profiles]]\nname = "a"\n\n[[profiles]]\nname = "b"\n',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_set_appends_a_table_and_remove_deletes_it(text: str) -> None:
    changed = set_table(text, PATH, ENTRY)
    assert changed.startswith(text)
    assert get_table(changed, PATH) == ENTRY
    assert set_table(changed, PATH, ENTRY) == changed
    assert ("\r\n" in text) == ("\r\n" in changed)
    assert tomllib.loads(remove_table(changed, PATH)) == tomllib.loads(text)
    if text.endswith("\n"):
        assert remove_table(changed, PATH) == text


def test_table_in_the_middle_is_replaced_in_place() -> None:
    text = (
        '[mcp_servers.token-saver]\ncommand = "/old"\n\n[mcp_servers.token-saver.env]\nA = "1"\n\n'
        "# about the tui\n[tui]\n"
    )
    changed = set_table(text, PATH, ENTRY)
    assert get_table(changed, PATH) == ENTRY
    assert changed.endswith("\n\n# about the tui\n[tui]\n")
    assert remove_table(text, PATH).endswith("# about the tui\n[tui]\n")


def test_entry_with_all_value_types_is_read_back() -> None:
    entry = {**ENTRY, "startup_timeout_sec": 20, "enabled": True, "env": {"A B": "ü"}}
    assert get_table(set_table("", PATH, entry), PATH) == entry


def test_quoted_keys_are_the_same_table() -> None:
    text = '[mcp_servers."token-saver"]\ncommand = "/old"\n'
    assert set_table(text, PATH, ENTRY).count("[mcp_servers") == 1
    assert remove_table(text, PATH) == ""


@pytest.mark.parametrize(
    "text",
    [
        "model = \n",
        'mcp_servers = { token-saver = { command = "/old" } }\n',
        '[mcp_servers]\ntoken-saver = { command = "/old" }\n',
    ],
    ids=["not-toml", "inline-parent", "inline-table"],
)
def test_table_in_an_uneditable_form_is_refused(text: str) -> None:
    with pytest.raises(TomlError):
        set_table(text, PATH, ENTRY)
    with pytest.raises(TomlError):
        remove_table(text, PATH)


def test_an_inline_list_of_servers_cannot_be_added_to() -> None:
    with pytest.raises(TomlError):
        set_table('mcp_servers = { docs = { command = "x" } }\n', PATH, ENTRY)


def test_brackets_in_a_multi_line_value_are_not_a_header() -> None:
    text = '[mcp_servers.token-saver]\ncommand = "/old"\nargs = [\n[\n"x"],\n]\n\n[tui]\ntheme = "dark"\n'
    changed = set_table(text, PATH, ENTRY)
    assert get_table(changed, PATH) == ENTRY
    assert changed.endswith('\n\n[tui]\ntheme = "dark"\n')


def test_table_after_a_byte_order_mark_is_replaced() -> None:
    text = '\ufeff[mcp_servers.token-saver]\ncommand = "/old"\n'
    changed = set_table(text, PATH, ENTRY)
    assert changed.startswith("\ufeff[mcp_servers.token-saver]\n")
    assert get_table(changed, PATH) == ENTRY
    assert remove_table(text, PATH) == "\ufeff"


TOP_LEVEL = """\
# my settings
port = 7300  # not the usual one

roots = [
  "/home/me/a",  # work
]
"""
TABLES = (
    '\n# how a task is done\n[offload]\n# few\nrepair_rounds = 1\n\n[checks]\ntest = """pytest\n[x]\n"""\n'
)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ((), "port", 7000),
        ((), "appearance", "dark"),
        ((), "roots", ("/b", 'C:\\c "d"')),
        (("offload",), "repair_rounds", 2),
        (("offload",), "allow_losing", True),
        (("checks",), "test", "ruff check {file}"),
        (("checks",), "a name", "x"),
        (("history",), "days", 3),
    ],
    ids=[
        "top-level-key",
        "new-top-level-key",
        "multi-line-list",
        "number",
        "new-key-in-table",
        "multi-line-string",
        "key-with-a-space",
        "new-table",
    ],
)
def test_key_is_replaced_in_place_or_added_to_its_table(
    table: tuple[str, ...], key: str, value: int | str | tuple[str, ...]
) -> None:
    text = TOP_LEVEL + TABLES
    changed = set_key(text, table, key, value)
    document = tomllib.loads(changed)
    found = (document[table[0]] if table else document)[key]
    assert found == (list(value) if isinstance(value, tuple) else value)
    assert "# my settings\n" in changed
    assert "\n# how a task is done\n[offload]\n# few\n" in changed
    assert set_key(changed, table, key, value) == changed
    if key not in text:
        assert set_key(changed, table, key, None).startswith(text)


def test_removing_a_key_removes_all_lines_of_its_value() -> None:
    changed = set_key(TOP_LEVEL + TABLES, ("checks",), "test", None)
    assert changed.endswith("repair_rounds = 1\n\n[checks]\n")
    assert tomllib.loads(set_key(TOP_LEVEL + TABLES, (), "roots", None)).get("roots") is None
    assert set_key(TOP_LEVEL, ("history",), "days", None) == TOP_LEVEL


@pytest.mark.parametrize(
    "text",
    ["", "# mine", "port = 1", "[offload]\nrepair_rounds = 1", "port = 1\r\n[a]\r\n"],
    ids=["empty", "comment", "no-line-end", "table", "windows-line-ends"],
)
def test_keys_and_tables_are_added_to_any_valid_file(text: str) -> None:
    top = set_key(text, (), "appearance", "dark")
    assert tomllib.loads(top) == {**tomllib.loads(text), "appearance": "dark"}
    both = set_key(top, ("checks",), "test", "t")
    assert tomllib.loads(both)["checks"] == {"test": "t"}
    assert both.count("\r\n") == both.count("\n") or "\r\n" not in text


def test_byte_order_mark_stays_at_the_start() -> None:
    changed = set_key("\ufeffport = 1\n", (), "port", 2)
    assert changed == "\ufeffport = 2\n"


@pytest.mark.parametrize(
    "text",
    ["offload = \n", "offload = { repair_rounds = 1 }\n", "offload.repair_rounds = 1\n", "offload = 1\n"],
    ids=["not-toml", "inline-table", "dotted-key", "not-a-table"],
)
def test_key_in_an_uneditable_form_is_refused(text: str) -> None:
    with pytest.raises(TomlError):
        set_key(text, ("offload",), "repair_rounds", 2)
