"""The settings with their sources."""

from pathlib import Path

import pytest

from server.config.folders import find_folders
from server.config.settings import load_settings
from server.config.sources import list_settings

pytestmark = pytest.mark.fast


def test_every_setting_has_a_source(token_saver_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_saver_home.mkdir()
    (token_saver_home / "config.toml").write_text(
        "[offload]\nrepair_rounds = 1\n[backend]\napi_key = 'secret'\n"
    )
    monkeypatch.setenv("TOKEN_SAVER_BACKEND__SLOTS", "2")
    folders = find_folders()
    listed = {f"{each.section}.{each.name}": each for each in list_settings(load_settings(folders), folders)}
    assert listed["offload.repair_rounds"].source == "file"
    assert listed["backend.slots"].source == "environment"
    assert listed["backend.slots"].value == "2"
    assert listed["history.days"].source == "default"
    assert listed["backend.api_key"].value == "set"
    assert "secret" not in repr(listed)
    assert listed[".port"].variable == "TOKEN_SAVER_PORT"
