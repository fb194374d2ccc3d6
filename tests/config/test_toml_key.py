"""One key of a TOML file is set or taken out; every other byte stays."""

import tomllib

import pytest

from server.config.textedit.toml_key import set_key
from server.config.textedit.toml_text import TomlError

FILE = """\
# my settings
port = 7300  # not the usual one

roots = [
  "/home/me/a",  # work
]
"""
TABLES = '\n# how it is done\n[offload]\n# few\nrepair_rounds = 1\n\n[checks]\ntest = """pytest\n[x]\n"""\n'


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
)
def test_a_key_is_set_where_it_stands_or_belongs(
    table: tuple[str, ...], key: str, value: int | str | tuple[str, ...]
) -> None:
    text = FILE + TABLES
    changed = set_key(text, table, key, value)
    document = tomllib.loads(changed)
    found = (document[table[0]] if table else document)[key]
    assert found == (list(value) if isinstance(value, tuple) else value)
    assert "# my settings\n" in changed
    assert "\n# how it is done\n[offload]\n# few\n" in changed
    assert set_key(changed, table, key, value) == changed
    if key not in text:
        assert set_key(changed, table, key, None).startswith(text)


def test_a_key_over_several_lines_is_taken_out_whole() -> None:
    changed = set_key(FILE + TABLES, ("checks",), "test", None)
    assert changed.endswith("repair_rounds = 1\n\n[checks]\n")
    assert tomllib.loads(set_key(FILE + TABLES, (), "roots", None)).get("roots") is None
    assert set_key(FILE, ("history",), "days", None) == FILE


@pytest.mark.parametrize(
    "text", ["", "# mine", "port = 1", "[offload]\nrepair_rounds = 1", "port = 1\r\n[a]\r\n"]
)
def test_any_beginning_will_do(text: str) -> None:
    top = set_key(text, (), "appearance", "dark")
    assert tomllib.loads(top) == {**tomllib.loads(text), "appearance": "dark"}
    both = set_key(top, ("checks",), "test", "t")
    assert tomllib.loads(both)["checks"] == {"test": "t"}
    assert both.count("\r\n") == both.count("\n") or "\r\n" not in text


def test_a_mark_at_the_beginning_stays_there() -> None:
    changed = set_key("\ufeffport = 1\n", (), "port", 2)
    assert changed == "\ufeffport = 2\n"


@pytest.mark.parametrize(
    "text",
    ["offload = \n", "offload = { repair_rounds = 1 }\n", "offload.repair_rounds = 1\n", "offload = 1\n"],
)
def test_what_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(TomlError):
        set_key(text, ("offload",), "repair_rounds", 2)
