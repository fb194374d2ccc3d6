"""Settings: precedence of their sources, errors that name the place, and names of earlier versions."""

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from server.common.errors import SettingsError
from server.config.folders import Folders, find_folders
from server.config.settings import load_settings
from server.config.settings_file import set_setting

pytestmark = pytest.mark.fast


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setenv("TOKEN_SAVER_HOME", str(tmp_path / "häuser und mehr"))
    found = find_folders()
    found.create()
    return found


def test_defaults_without_a_file(folders: Folders) -> None:
    settings = load_settings(folders)
    assert settings.port == 7283
    assert settings.backend.kind == "auto"


def test_the_file_wins_over_defaults_and_a_variable_over_the_file(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders.config_file.write_text('port = 7000\n[backend]\nkind = "ollama"\nurl = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("TOKEN_SAVER_BACKEND__URL", "http://127.0.0.1:8")
    settings = load_settings(folders)
    assert (settings.port, settings.backend.kind) == (7000, "ollama")
    assert settings.backend.url == "http://127.0.0.1:8"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("port = 7283\nprot = 1\n", "line 2: prot is not a setting"),
        ("\n[backend]\n# which\nkind = 'olama'\n", "line 4: backend.kind has a bad value"),
        ("[offload]\nrepair_rounds = 9\n", "line 2: offload.repair_rounds has a bad value"),
        ("[backend]\nurl = \n", "not valid TOML"),
        ("[chekcs]\nx = '1'\n", "line 1: chekcs is not a setting"),
    ],
    ids=["unknown-key", "bad-choice", "out-of-range", "not-toml", "unknown-table"],
)
def test_a_mistake_in_the_file_names_its_line(folders: Folders, text: str, place: str) -> None:
    folders.config_file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(folders)
    assert place in str(caught.value)
    assert str(folders.config_file) in str(caught.value)
    assert caught.value.next_step


def test_a_bad_variable_is_named(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_PORT", "seven")
    with pytest.raises(SettingsError, match="TOKEN_SAVER_PORT has a bad value"):
        load_settings(folders)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOKEN_SAVER_PATHS__READ", "*.pem"),
        ("TOKEN_SAVER_PATHS", "*.pem"),
        ("TOKEN_SAVER_CHECKS", "pytest"),
        ("token_saver_paths__protect", "[unclosed"),
        ("TOKEN_SAVER_ROOTS", "[unclosed"),
    ],
    ids=["list", "whole-table", "table-of-commands", "lower-case-name", "folders"],
)
def test_invalid_list_or_table_in_a_variable_is_named(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("TOKEN_SAVER_CHECKS__LINT", "ruff check {file}")
    monkeypatch.setenv("TOKEN_SAVER_BACKEND__KIND", "ollama")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"(?i){variable} has a bad value") as caught:
        load_settings(folders)
    assert caught.value.next_step


def test_folders_in_a_variable_are_separated_as_in_path_or_json(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    roots = (tmp_path / "a b", tmp_path / "c")
    for text in (f"{roots[0]}{os.pathsep}{roots[1]}", json.dumps([str(each) for each in roots])):
        monkeypatch.setenv("TOKEN_SAVER_ROOTS", text)
        assert load_settings(folders).roots == roots
    monkeypatch.setenv("TOKEN_SAVER_ROOTS", "")
    assert load_settings(folders).roots == ()
    monkeypatch.delenv("TOKEN_SAVER_ROOTS")
    folders.config_file.write_text(f"roots = {json.dumps([str(each) for each in roots])}\n")
    assert load_settings(folders).roots == roots


def test_byte_order_mark_is_ignored(folders: Folders) -> None:
    folders.config_file.write_bytes(b"\xef\xbb\xbfport = 7300\r\nprot = 1\r\n")
    with pytest.raises(SettingsError, match="line 2: prot is not a setting"):
        load_settings(folders)
    folders.config_file.write_bytes(b"\xef\xbb\xbfport = 7300\r\n")
    assert load_settings(folders).port == 7300


def test_old_table_name_is_read_with_a_remark(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folders.config_file.write_text("[manners]\nyield_share = 0.4\nyield_to_games = false\n")
    assert load_settings(folders).yielding.yield_share == 0.4
    assert "[manners] is now called [yielding]" in caplog.text
    assert "[yielding] yield_to_games no longer has an effect" in caplog.text
    monkeypatch.setenv("TOKEN_SAVER_MANNERS__YIELD_SHARE", "0.3")
    assert load_settings(folders).yielding.yield_share == 0.3


def test_current_table_name_wins_over_the_old_one(folders: Folders) -> None:
    folders.config_file.write_text(
        "[manners]\nyield_share = 0.4\nyield_unload = false\n[yielding]\nyield_share = 0.2\n"
    )
    yielding = load_settings(folders).yielding
    assert (yielding.yield_share, yielding.yield_unload) == (0.2, False)


def test_change_is_written_to_the_old_table_if_the_file_has_it(folders: Folders) -> None:
    folders.config_file.write_text("[manners]\nyield_share = 0.4  # laptop\n")
    set_setting(folders, "yielding", "yield_share", 0.6)
    assert folders.config_file.read_text().startswith("[manners]\nyield_share = 0.6")
    assert load_settings(folders).yielding.yield_share == 0.6
    set_setting(folders, "yielding", "yield_share", None)
    assert load_settings(folders).yielding.yield_share == 0.5


def test_variable_that_does_not_name_a_setting_is_refused(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_SAVER_PROT", "7000")
    with pytest.raises(SettingsError, match="TOKEN_SAVER_PROT does not name a setting"):
        load_settings(folders)


def test_settings_never_change_after_reading(folders: Folders) -> None:
    settings = load_settings(folders)
    with pytest.raises(ValidationError):
        settings.port = 1


def test_one_folder_holds_everything_when_the_home_is_set(tmp_path: Path) -> None:
    found = find_folders({"TOKEN_SAVER_HOME": str(tmp_path)})
    assert found.config_file == tmp_path / "config.toml"
    assert found.database == tmp_path / "history.db"
    assert found.hub_file == tmp_path / "hub.json"


@pytest.mark.parametrize(
    ("section", "key", "value", "wanted"),
    [
        ("", "port", 99999, "Give a whole number from 0 to 65535."),
        ("offload", "temperature", 3.0, "Give a number from 0 to 2."),
        ("batch", "max_items", 0, "Give a whole number from 1 to 100000."),
        ("backend", "connect_timeout", 0.0, "Give a number above 0."),
        ("history", "days", 0, "Give a whole number of at least 1."),
        ("", "log_level", "loud", "Give one of debug, info, warning, error."),
        ("savings", "audit", "perhaps", "Give true or false."),
        ("checks", "test", 5, "Give another value; docs/settings.md lists the valid values of each setting."),
    ],
    ids=[
        "range",
        "range-of-fractions",
        "large-range",
        "above-zero",
        "at-least-one",
        "choice",
        "yes-or-no",
        "text",
    ],
)
def test_error_for_a_bad_value_says_what_the_setting_accepts(
    folders: Folders, section: str, key: str, value: object, wanted: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        set_setting(folders, section, key, value)
    named = f"{f'{section}.' if section else ''}{key} cannot be {value!r}"
    assert caught.value.cause.startswith(f"{named}." if key == "log_level" else f"{named}: ")
    assert caught.value.next_step == f"{wanted} Nothing was changed."
    assert not folders.config_file.exists()


def test_existing_mistake_is_reported_as_one_of_the_file(folders: Folders) -> None:
    folders.config_file.write_text("[offload]\nrepair_rounds = 9\n")
    with pytest.raises(SettingsError, match=r"config\.toml could not be changed: offload\.repair_rounds"):
        set_setting(folders, "", "port", 7300)
