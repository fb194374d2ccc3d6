"""What `update` says is new: the changelog's sections of newer versions."""

from pathlib import Path

import pytest

from server.commands.update.news import news

pytestmark = pytest.mark.fast

CHANGELOG = """# Changelog

## Unreleased

- Not yet.

## 0.10.0 (2027-02-01)

- Flies.

## 0.9.1

- Walks.

## 0.9.0 (2027-01-01)

- Crawls.
"""


def test_only_released_sections_after_the_installed_version_are_shown(tmp_path: Path) -> None:
    (tmp_path / "extra_metadata").mkdir()
    (tmp_path / "extra_metadata" / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    assert news(tmp_path, "0.9.0") == "## 0.10.0 (2027-02-01)\n\n- Flies.\n\n## 0.9.1\n\n- Walks."
    assert news(tmp_path, "0.10.0") == ""


def test_a_version_without_a_changelog_has_no_news(tmp_path: Path) -> None:
    assert news(tmp_path, "0.9.0") == ""
