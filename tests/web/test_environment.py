"""Tests of the environment of a hub that a shell or the system's autostart starts."""

import os

import pytest

from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.web.instance import claim
from server.web.serve import running_hub


def test_a_hub_started_from_a_shell_keeps_the_named_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("OTHER_PROJECTS_SECRET", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "PYTHONPATH")
    for name in (*secrets, "JAVA_HOME", "OLLAMA_KV_CACHE_TYPE"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("TOKEN_SAVER_OFFLOAD__CHECK_ENV", '["JAVA_HOME"]')
    settings = Settings(port=0, backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))
    folders = find_folders()
    with claim(folders), running_hub(settings, folders):
        during = set(os.environ)
    assert not during & set(secrets)
    assert {"PATH", "HOME", "JAVA_HOME", "OLLAMA_KV_CACHE_TYPE", "TOKEN_SAVER_HOME"} <= during
    assert os.environ["OTHER_PROJECTS_SECRET"] == "hunter2", "a command has its own variables afterwards"
