"""Properties that hold for the digest of any bytes, whatever made them."""

import io
import re

from server.digests.clean import clean_lines
from server.digests.decode import decoded_lines, encoding_of
from server.digests.engine import Findings, find_facts
from server.digests.fold import VARIED
from server.digests.layout import rendered, squeezed
from server.digests.values import Digest, Fact, Line
from tests.digests import sheets

ROOMS = (0, 40, 200, 500, 2_000, 20_000)


def broken(data: bytes, sheet: dict[str, list[str]], exit_status: int | None = None) -> list[str]:
    """Return what is wrong with the digests of some bytes in rooms of every size.

    A statement that ``sheet`` calls false counts where the text itself does not say it.
    """
    found = find_facts(data, exit_status=exit_status)
    sheet = {"never": [each for each in sheet["never"] if not each.startswith("re:")]}  # those count
    file = io.BytesIO(data)
    lines = {line.number: line for line in clean_lines(decoded_lines(file, encoding_of(file)))}
    said = "\n".join(line.text for line in lines.values())
    foreseen = set(sheets.false(said, sheet))
    return [f"{room}: {fault}" for room in ROOMS for fault in _faults(found, room, lines, sheet, foreseen)]


def _faults(
    found: Findings, room: int, lines: dict[int, Line], sheet: dict[str, list[str]], foreseen: set[str]
) -> list[str]:
    digest = found.digest(room)
    faults = sheets.misquoted(digest, lines)
    faults += [f"not of its kind: {rendered(fact)}" for fact in digest.facts if not _holds(fact, lines)]
    stated = (each for line in digest.text.split("\n") for each in sheets.false(line, sheet))
    faults += [f"false: {each}" for each in stated if each not in foreseen]
    if len(digest.text) > room:
        faults.append(f"{len(digest.text)} characters")
    if digest.lines != len(lines):
        faults.append(f"{digest.lines} lines instead of {len(lines)}")
    if not _is_rendered(digest):
        faults.append("the text is not that of its facts")
    return faults


def _holds(fact: Fact, lines: dict[int, Line]) -> bool:
    """Whether all lines that a fact names exist, and a template fits its first and its last line."""
    numbers = [*(part.line for part in fact.parts), fact.first, fact.last]
    if any(number and number not in lines for number in numbers):
        return False
    if not fact.template:
        return True
    template = squeezed(fact.parts[0].text).removesuffix("…")
    pattern = re.compile(".*?".join(map(re.escape, template.split(VARIED))), re.DOTALL)
    ends = [number for number in (fact.first, fact.last) if number]
    return all(pattern.search(squeezed(lines[number].text)) for number in ends)


def _is_rendered(digest: Digest) -> bool:
    """Whether a digest is its header and one line for each fact."""
    shown = digest.text.split("\n")[1:] if digest.text else []
    return shown == [rendered(fact) for fact in digest.facts]
