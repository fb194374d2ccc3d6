"""Tables with aligned columns under a header, as ``ps``, ``kubectl get``, ``pip list`` and PowerShell print
them. They are recognised only by the blanks between the columns.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.digests.recognisers.base import computed
from server.digests.recognisers.data.rows import Row, row_facts
from server.digests.values import Fact, Line, Part, Section

_LEAST_ROWS = 8
_REGULAR = 0.95
"""Minimum share of the rows that are blank between two columns."""
_FILLED = 0.05
"""Minimum share of the rows with a cell in a column. A column below it belongs to the column before it."""
_LEAST_NUMERIC = 3
"""Minimum number of columns with numbers for a table whose columns are not aligned."""
_PROBE = 500
"""Number of rows that decide where the columns are."""
_PREAMBLE = 4
"""Maximum number of lines before a header."""
_WIDEST = 400
"""Maximum width of a header (characters)."""
_NAME = re.compile(r"[A-Za-z%#*][\w%#*/().:+-]*(?: [\w%#*/().:+-]+)*$")
_RULE = frozenset("-=+|─═┼│ \t")
_DIGIT = re.compile(r"\d")
_WORDS = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the names of its columns, its rows, and the lines that do not fit its columns."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    irregular: tuple[Line, ...]
    lines: int

    def facts(self) -> list[Fact]:
        """Return the facts."""
        found = row_facts("table", self.names, self.rows)
        if self.irregular:
            first = self.irregular[0]
            told = computed(f"{len(self.irregular)} rows do not fit the columns; the first", 76)
            found.append(Fact(Section.NOTE, (told, Part(first.text, first.number, 75))))
        return found


def aligned_tables(lines: Sequence[Line]) -> list[Table]:
    """Return the tables in the text. A table ends at a blank line."""
    found = []
    for block in _blocks(lines):
        for start in range(min(_PREAMBLE, len(block) - _LEAST_ROWS)):
            if (table := _table(block[start], block[start + 1 :])) is not None:
                found.append(table)
                break
    return found


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines without blank lines that are long enough for a table."""
    block: list[Line] = []
    for line in (*lines, Line(0, "")):
        if line.text.strip():
            block.append(line)
            continue
        if len(block) > _LEAST_ROWS:
            yield block
        block = []


def _table(header: Line, below: Sequence[Line]) -> Table | None:
    """Return the table, or None. The first rows decide, so that a long text without a table costs little."""
    head = header.text.expandtabs().rstrip()
    probe = _body(header, below[:_PROBE])
    if len(head) > _WIDEST or len(_WORDS.findall(head)) < 2 or len(probe) < _LEAST_ROWS:
        return None
    spans = _spans(head, probe)
    names = tuple(head[first:end].strip().lstrip("|/ ") for first, end in spans)  # dpkg begins with ||/
    if _are_names(names) and _is_table(_rows(spans, head, probe)[0], probe):
        body = _body(header, below)
        rows, irregular = _rows(spans, head, body)
        has_rule = _is_rule(below[0].text)
        if _is_table(rows, body) and _is_header(names, rows, has_rule=has_rule):
            return Table(names, tuple(rows), tuple(irregular), len(below) + 1)
    names = tuple(_WORDS.findall(head))
    if _are_names(names) and _is_table(_rows_of_words(len(names), probe)[0], probe):
        body = _body(header, below)
        rows, irregular = _rows_of_words(len(names), body)
        if _is_table(rows, body) and _numeric(names, rows) >= _LEAST_NUMERIC:
            return Table(names, tuple(rows), tuple(irregular), len(below) + 1)
    return None


def _body(header: Line, below: Sequence[Line]) -> list[Line]:
    """Return the lines below a header that are neither a rule nor the header again."""
    return [line for line in below if line.text != header.text and not _is_rule(line.text)]


def _is_rule(text: str) -> bool:
    """Return whether a line only separates a header from its rows."""
    return _RULE.issuperset(text) and any(mark in text for mark in ("--", "==", "──", "══"))


def _are_names(names: Sequence[str]) -> bool:
    return len(names) > 1 and len(set(names)) == len(names) and all(map(_NAME.match, names))


def _is_table(rows: Sequence[Row], body: Sequence[Line]) -> bool:
    return len(rows) >= max(_LEAST_ROWS, _REGULAR * len(body))


def _rows_of_words(count: int, body: Sequence[Line]) -> tuple[list[Row], list[Line]]:
    """Return rows whose words stand under the words of the header, where wide cells have moved many."""
    rows, irregular = [], []
    for line in body:
        cells = line.text.split(None, count - 1)
        if len(cells) == count:
            rows.append(Row(tuple(cells), (Part(line.text.strip(), line.number),)))
        else:
            irregular.append(line)
    return rows, irregular


def _spans(head: str, body: Sequence[Line]) -> list[tuple[int, int]]:
    """Return where the columns begin and end. The last one ends with the line."""
    texts = [line.text.expandtabs() for line in body]
    least = _REGULAR * len(texts)
    blank = [
        character == " " and sum(text[at : at + 1] in ("", " ") for text in texts) >= least
        for at, character in enumerate(head)
    ]
    starts = [at for at in range(len(head)) if not blank[at] and (at == 0 or blank[at - 1])]
    spans = [(start, end) for start, end in zip(starts, [*starts[1:], 10**9], strict=True)]
    return _merged(head, texts, spans)


def _merged(head: str, texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the columns, with those that have no cells or no name added to the column before them."""
    kept: list[tuple[int, int]] = []
    for first, end in spans:
        filled = sum(bool(text[first:end].strip()) for text in texts)
        single = first < 2 or head[first - 2] != " "
        if kept and (not head[first:end].strip() or (single and filled < _FILLED * len(texts))):
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((first, end))
    return [(0, kept[0][1]), *kept[1:]] if kept else []


def _rows(spans: Sequence[tuple[int, int]], head: str, body: Sequence[Line]) -> tuple[list[Row], list[Line]]:
    rows, irregular = [], []
    words = len(_WORDS.findall(head)) == len(spans)
    for line in body:
        text = line.text.expandtabs()
        cells = _cells(spans, text, words=words)
        if cells is None:
            irregular.append(line)
        else:
            rows.append(Row(cells, (Part(line.text.strip(), line.number),)))
    return rows, irregular


def _cells(spans: Sequence[tuple[int, int]], text: str, *, words: bool) -> tuple[str, ...] | None:
    """Return a row's cells: by place or, if a wide cell has moved the others, by the blanks between them."""
    if all(text[first - 1 : first] in ("", " ") for first, _ in spans[1:]):
        return tuple(text[first:end].strip() for first, end in spans)
    wide = re.split(r" {2,}", text.strip())
    if len(wide) == len(spans):
        return tuple(wide)
    narrow = text.split(None, len(spans) - 1)
    return tuple(narrow) if words and len(narrow) == len(spans) else None


def _is_header(names: Sequence[str], rows: Sequence[Row], *, has_rule: bool) -> bool:
    """Return whether the first line differs from the others: by a rule below it, capitals, or the lack of
    digits.
    """
    if has_rule or sum(name.isupper() for name in names) >= 0.6 * len(names):
        return True
    return _numeric(names, rows) > 0


def _numeric(names: Sequence[str], rows: Sequence[Row]) -> int:
    """Return how many columns have numbers below a name without any."""
    found = 0
    for index, name in enumerate(names):
        numbers = sum(_DIGIT.match(row.cells[index]) is not None for row in rows)
        found += not _DIGIT.search(name) and numbers >= _REGULAR * len(rows)
    return found
