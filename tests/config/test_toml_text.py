"""One table of a TOML file is set and removed; every other byte stays."""

import tomllib

import pytest

from server.config.textedit.toml_text import TomlError, get_table, remove_table, set_table

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
def test_set_appends_a_table_and_remove_takes_it_away(text: str) -> None:
    changed = set_table(text, PATH, ENTRY)
    assert changed.startswith(text)
    assert get_table(changed, PATH) == ENTRY
    assert set_table(changed, PATH, ENTRY) == changed
    assert ("\r\n" in text) == ("\r\n" in changed)
    assert tomllib.loads(remove_table(changed, PATH)) == tomllib.loads(text)
    if text.endswith("\n"):
        assert remove_table(changed, PATH) == text


def test_a_table_in_the_middle_is_replaced_where_it_stands() -> None:
    text = (
        '[mcp_servers.token-saver]\ncommand = "/old"\n\n[mcp_servers.token-saver.env]\nA = "1"\n\n'
        "# about the tui\n[tui]\n"
    )
    changed = set_table(text, PATH, ENTRY)
    assert get_table(changed, PATH) == ENTRY
    assert changed.endswith("\n\n# about the tui\n[tui]\n")
    assert remove_table(text, PATH).endswith("# about the tui\n[tui]\n")


def test_what_the_user_added_can_be_written_back() -> None:
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
)
def test_what_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(TomlError):
        set_table(text, PATH, ENTRY)
    with pytest.raises(TomlError):
        remove_table(text, PATH)


def test_an_inline_list_of_servers_cannot_be_added_to() -> None:
    with pytest.raises(TomlError):
        set_table('mcp_servers = { docs = { command = "x" } }\n', PATH, ENTRY)
