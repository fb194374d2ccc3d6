"""Compares Markdown section by section."""

import re
from collections import Counter
from collections.abc import Iterator

from server.offload.compare.hunks import hunks
from server.offload.compare.values import Change

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def headings(text: str) -> list[tuple[int, str]]:
    """Return the headings outside code blocks, each with its line (from 1)."""
    found: list[tuple[int, str]] = []
    fence = ""
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1][0] == fence[0] and len(mark[1]) >= len(fence))):
            fence = "" if fence else mark[1]
        elif not fence and (heading := _HEADING.match(line)):
            found.append((number, heading[2].strip()))
        elif not fence and number > 1 and re.fullmatch(r"=+|-{3,}", line.strip()):
            above = lines[number - 2]
            if above.strip() and not above.startswith(("-", "*", "|", ">", " ", "#")):
                found.append((number - 1, above.strip()))
    return found


def compare_sections(before: str, after: str) -> Iterator[Change]:
    """Yield the sections that disappeared without being replaced."""
    left = Counter(title for _, title in headings(after))
    renamed: dict[int, int] = {}
    for hunk in hunks(before, after):
        fresh = len(headings("\n".join(hunk.new)))
        for offset in range(len(hunk.old)):
            renamed[hunk.start + offset] = id(hunk)
        renamed[-id(hunk)] = fresh
    for number, title in headings(before):
        if left[title] > 0:
            left[title] -= 1
            continue
        place = renamed.get(number, 0)
        if renamed.get(-place, 0) > 0:
            renamed[-place] -= 1
            continue
        yield Change("removed", "section", title, number, "loss", (title,))
