"""The documentation's pages, with their commands and links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("token-saver", "uv", "pip", "pipx", "sh", "claude", "git", "litellm", "export")
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
_FENCE = re.compile(r"```(\w*)$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"#+ +(.+)")


@dataclass(frozen=True)
class Command:
    """A command line of a page. ``not_run`` says why it is not run in a test; empty if it is."""

    line: int
    text: str
    not_run: str


def pages() -> list[Path]:
    """Return all pages."""
    return sorted([*guides(), *(ROOT / name for name in ("CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"))])


def guides() -> list[Path]:
    """Return the README and the pages in ``docs``, whose commands are for users."""
    return sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page in order, from fenced blocks (``sh``) and from indented ones.

    The comment ``<!-- not run: REASON -->`` above a block, or above its paragraph, marks the whole block.
    """
    fence: str | None = None
    reason, in_block = "", False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if marked := _NOT_RUN.fullmatch(line.strip()):
            reason, in_block = marked[1], False
        elif fence is not None and line == "```":
            fence, reason = None, ""
        elif opened := _FENCE.match(line):
            fence = opened[1]
        elif fence == "sh" or (fence is None and line.startswith("    ")):
            in_block = True
            text = re.split(r" {2,}# ", line)[0].strip()
            if text.split(" ")[0] in PROGRAMS:
                yield Command(number, text, reason)
        elif fence is None and line.strip() and in_block:
            reason, in_block = "", False


def inline_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each ``token-saver …`` in inline code."""
    for each in _CODE.findall(_without_blocks(page)):
        words = each.strip("`")
        if words.startswith("token-saver "):
            yield shlex.split(words.replace("…", "").replace("|", " "))


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links."""
    for match in _LINK.finditer(_CODE.sub("``", _without_blocks(page))):
        yield match[1]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    found: dict[str, int] = {}
    names = set()
    for line in _without_blocks(page).splitlines():
        if match := _HEADING.fullmatch(line):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
            count = found.get(name, 0)
            found[name] = count + 1
            names.add(f"{name}-{count}" if count else name)
    return frozenset(names)


def _without_blocks(page: Path) -> str:
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
