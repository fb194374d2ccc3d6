"""The pages' links lead to files and headings that exist, and the start page leads to every page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from server.commands.app import build_cli
from tests.docs.pages import ROOT, anchors, inline_commands, links, pages

pytestmark = pytest.mark.fast

PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem.lower())


@PAGES
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    broken = [target for target in links(page) if not _is_right(page, target)]
    assert broken == []


def test_the_start_page_leads_to_every_page() -> None:
    start = ROOT / "docs" / "index.md"
    linked = {(start.parent / target.partition("#")[0]).resolve() for target in links(start)}
    of_users = set(pages()) - {start, ROOT / "CONTRIBUTING.md"}
    assert of_users - linked == set()


@PAGES
def test_every_command_in_the_text_exists_with_its_options(page: Path) -> None:
    wrong = [" ".join(words) for words in inline_commands(page) if _unknown_part(words[1:])]
    assert wrong == []


def _is_right(page: Path, target: str) -> bool:
    if target.startswith(("https://", "http://", "mailto:")):
        return True
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return False
    return not anchor or anchor in anchors(file)


def _unknown_part(words: list[str]) -> str:
    command: Any = get_command(build_cli(lambda _: None, str))
    for word in words:
        children = getattr(command, "commands", {})
        if word in children:
            command = children[word]
        elif word.startswith("-") and word != "--":
            if word.partition("=")[0] not in {*_options(command), "--help", "-h", "--debug"}:
                return word
        elif word == "--":
            return ""
        elif children and word.isalpha() and word.islower():
            return word
    return ""


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
    if not hasattr(command, "commands"):
        return
    yield from ("--install-completion", "--show-completion")
