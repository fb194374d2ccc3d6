"""``require``: it continues, skips or fails."""

import pytest

from tests.system import REQUIRE_ALL, require, require_registry


def test_an_installed_program_is_accepted() -> None:
    require("python3")


def test_a_missing_program_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        require("python3", "no-such-program")


def test_a_missing_program_fails_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require("no-such-program")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")


def test_a_registry_out_of_reach_skips_with_the_cause(offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match="does not reach its package registry"):
        require_registry()


def test_a_registry_out_of_reach_fails_where_everything_is_required(
    offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match="does not reach its package registry"):
        require_registry()
