"""Tests of ``token-saver config``: list, get, set, edit."""

import json
import os
from pathlib import Path

import pytest

from server.commands.config.actions import change_setting, edit_file, show_settings
from server.common.errors import BadArguments, NotFound, SettingsError
from server.config.folders import find_folders
from server.config.settings import load_settings

pytestmark = pytest.mark.fast


def test_every_setting_is_listed_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    change_setting("batch.max_items", "7")
    capsys.readouterr()
    show_settings(as_json=True)
    found = {each["setting"]: each for each in json.loads(capsys.readouterr().out)}
    assert len(found) > 40
    assert (found["batch.max_items"]["value"], found["batch.max_items"]["source"]) == (7, "file")
    assert found["backend.url"]["source"] == "default"
    show_settings("batch", as_json=False)
    assert all(line.startswith(("setting", "batch.")) for line in capsys.readouterr().out.splitlines())


def test_only_changed_settings_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [each for each in os.environ if each.startswith("TOKEN_SAVER_OFFLOAD__")]:
        monkeypatch.delenv(name)
    show_settings(changed=True, as_json=False)
    assert capsys.readouterr().out == "All settings have their defaults.\n"
    change_setting("batch.max_items", "7")
    capsys.readouterr()
    show_settings(changed=True, as_json=True)
    assert [each["setting"] for each in json.loads(capsys.readouterr().out)] == ["batch.max_items"]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("batch.max_items", "7", 7),
        ("savings.audit", "on", True),
        ("appearance", "dark", "dark"),
        ("backend.url", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("paths.protect", "*.lock, .env", ("*.lock", ".env")),
    ],
    ids=["number", "switch", "choice", "text", "list"],
)
def test_a_value_is_written_and_read_again(
    key: str, text: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    change_setting(key, text)
    assert capsys.readouterr().out.startswith(f"{key} = ")
    found: object = load_settings(find_folders())
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value
    change_setting(key, "")
    assert "(default)" in capsys.readouterr().out


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"Did you mean batch\.max_items\?"):
        show_settings("batch.max_itms", as_json=False)
    with pytest.raises(NotFound, match=r"Did you mean batch\.max_items\?"):
        change_setting("max_items", "7")
    with pytest.raises(NotFound, match="lists all settings"):
        show_settings("zzz", as_json=False)


def test_an_invalid_value_changes_nothing() -> None:
    with pytest.raises(SettingsError, match="Give a whole number"):
        change_setting("batch.max_items", "many")
    with pytest.raises(BadArguments, match="neither true nor false"):
        change_setting("savings.audit", "perhaps")
    assert not find_folders().config_file.exists()


def test_a_setting_of_the_environment_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SAVER_BATCH__MAX_ITEMS", "9")
    with pytest.raises(BadArguments, match="TOKEN_SAVER_BATCH__MAX_ITEMS"):
        change_setting("batch.max_items", "7")


@pytest.mark.skipif(os.name == "nt", reason="the editor is a shell script")
def test_the_editor_s_file_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s\\n" "$LINE" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setenv("LINE", 'appearance = "dark"')
    edit_file()
    assert "is valid" in capsys.readouterr().out
    monkeypatch.setenv("LINE", 'appearance = "pink"')
    with pytest.raises(SettingsError):
        edit_file()
    monkeypatch.setenv("VISUAL", str(tmp_path / "none"))
    with pytest.raises(NotFound, match="EDITOR"):
        edit_file()
