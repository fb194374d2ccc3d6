"""Digest layout: facts are given room in order of worth, and printed in order of section and place."""

from collections.abc import Sequence
from dataclasses import replace

from server.digests.values import Fact, Part

SEPARATOR = " · "
LEAST_CUT = 40
"""Minimum length of a shortened part (characters)."""
MOST_FACTS = 4_000


def lay_out(facts: Sequence[Fact], room: int, header: str) -> tuple[str, tuple[Fact, ...]]:
    """Return a digest's text, at most ``room`` characters long, and the facts as shown in it."""
    text = header[:room]
    shown = _Shown(facts[:MOST_FACTS], room - len(text))
    for _, index, position in sorted(
        (-part.worth, index, position)
        for index, fact in enumerate(facts[:MOST_FACTS])
        for position, part in enumerate(fact.parts)
    ):
        if shown.room < 8:
            break
        shown.offer(index, position)
    chosen = sorted(shown.facts(), key=lambda fact: fact.section)
    return "\n".join(filter(None, [text, *(rendered(fact) for fact in chosen)])), tuple(chosen)


def rendered(fact: Fact) -> str:
    """Return a fact as a digest line: its line numbers, then its parts.

    ``L12: text`` quotes line 12; ``L12-40: a · b`` quotes pieces of lines 12 to 40; ``L12-900 ×48: text``
    quotes the first of 48 lines; ``L12-900 ×48 ~ text`` is a template in which ``*`` stands for the
    differences.
    """
    lines = [part.line for part in fact.parts if part.line]
    first = fact.first or min(lines, default=0)
    last = max([fact.last, *lines])
    where = f"L{first}" if first else ""
    if first and last > first:
        where += f"-{last}"
    if fact.count > 1:
        where += f"{' ' if where else ''}×{fact.count}"
    mark = " ~ " if fact.template else ": "
    return f"{where}{mark if where else ''}{SEPARATOR.join(part.text for part in fact.parts)}"


def squeezed(text: str) -> str:
    """Return a line with every run of spaces collapsed into one."""
    return " ".join(text.split())


class _Shown:
    """The parts that have been given room so far."""

    def __init__(self, facts: Sequence[Fact], room: int) -> None:
        self.room = room
        self._whole = facts
        self._longest = max(140, min(400, room // 12))
        self._chosen: dict[int, dict[int, Part]] = {}
        self._said: set[str] = set()
        self._quoted: dict[int, int] = {}
        self._quotes: dict[int, str] = {}

    def offer(self, index: int, position: int) -> None:
        """Add a part if it fits, shortening it if it is long."""
        part = self._whole[index].parts[position]
        text = squeezed(part.text)
        if index not in self._chosen and part.worth < self._whole[index].worth:
            return
        if len(text) > self._longest:
            text = text[: self._longest - 1] + "…"
        if not text or self.room < min(len(text), LEAST_CUT) or self._repeats(index, part, text):
            return
        before = self._length(index)
        chosen = self._chosen.get(index, {})
        after = self._length_of(index, {**chosen, position: replace(part, text=text)})
        spare = self.room - (after - before)
        if spare < 0:
            keep = len(text) + spare - 1
            if keep < LEAST_CUT:
                return
            text, spare = text[:keep] + "…", 0
        self._chosen.setdefault(index, {})[position] = replace(part, text=text)
        self.room -= self._length(index) - before
        if part.line:
            self._said.add(text)
            self._quoted[part.line] = self._quoted.get(part.line, 0) + len(part.text)
            self._quotes[part.line] = f"{self._quotes.get(part.line, '')}\n{text}"

    def facts(self) -> list[Fact]:
        """The facts, with only the parts that are shown."""
        return [
            self._with(index, parts)
            for index, parts in sorted(self._chosen.items())
            if any(part.line for part in parts.values())
            or not any(part.line for part in self._whole[index].parts)
            or self._whole[index].template
        ]

    def _repeats(self, index: int, part: Part, text: str) -> bool:
        """Return whether the same literal text is already shown, separately or within this fact."""
        within = self._chosen.get(index, {}).values()
        if any(text in shown.text for shown in within) or self._is_quoted(index):
            return True
        if not part.line or len(self._whole[index].parts) > 1:
            return False
        return text in self._said or self._quoted.get(part.line, 0) > 0.6 * len(text)

    def _is_quoted(self, index: int) -> bool:
        """Return whether other facts quote every line of this fact, which is not shown yet."""
        fact = self._whole[index]
        lines = [part for part in fact.parts if part.line]
        if not lines or fact.count > 1 or fact.template or index in self._chosen:
            return False
        return all(squeezed(part.text) in self._quotes.get(part.line, "") for part in lines)

    def _length(self, index: int) -> int:
        return self._length_of(index, self._chosen[index]) if index in self._chosen else 0

    def _length_of(self, index: int, parts: dict[int, Part]) -> int:
        return len(rendered(self._with(index, parts))) + 1

    def _with(self, index: int, parts: dict[int, Part]) -> Fact:
        return replace(self._whole[index], parts=tuple(part for _, part in sorted(parts.items())))
