"""Tables, records and XML are recognised by their structure alone; prose and source code never are."""

import random
import string
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from server.digests.clean import clean_lines
from server.digests.engine import make_digest
from server.digests.recognisers.data.structure import structure_of
from server.digests.recognisers.data.xml_facts import xml_facts
from tests.digests import sheets

ROOT = Path(__file__).parents[2]
ROOM = 2_200
WORD = st.text(string.ascii_lowercase, min_size=2, max_size=9)
NAME = st.text(string.ascii_uppercase, min_size=2, max_size=9)

PROSE = """\
The harbour of the old town lies below the church, and in the evening the
boats come home one after the other. Nobody counts them. The keeper of the
lighthouse writes down the weather and the hour, as his father did before
him, and closes the book when the lamp is lit.

In winter the quay is empty. Ice forms along the wall, the ropes are stiff,
and the wind carries the sound of the bell far over the water.
"""
HELP = """\
usage: tool [-h] [--verbose] COMMAND ...

Commands:
  build        Build the project and its documentation
  check        Check the sources without building them
  clean        Remove what a build has made
  deploy       Send a build to the server
  init         Make a new project in this folder
  list         Show all projects
  run          Run the project after a build
  test         Run the tests of the project
  watch        Build again after each change
"""
SOURCE = {
    "aligned-assignments": "".join(f"{name:<12} = {n}\n" for n, name in enumerate("abcdefghijklmnop")),
    "defines": "".join(f"#define REG_{n:<8} 0x{n:04x}\n" for n in range(40)),
    "objects": "const list = [\n"
    + "".join(f"  {{\n    id: {n},\n    name: 'n{n}',\n    size: {n},\n  }},\n" for n in range(40))
    + "];\n",
    "assembly": "push    rbp\nmov     rbp, rsp\n" + "mov     eax, ebx\nadd     eax, ecx\n" * 20 + "ret\n",
    "styles": "".join(f".c{n} {{\n  color: red;\n  width: {n}px;\n  height: 1px;\n}}\n" for n in range(30)),
    "cases": "switch (x) {\n" + "".join(f"  case {n}:   return {n};   break;\n" for n in range(40)) + "}\n",
}


@given(
    names=st.lists(NAME, min_size=3, max_size=7, unique=True),
    count=st.integers(20, 60),
    gap=st.integers(1, 4),
    chance=st.randoms(use_true_random=False),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_table_states_its_rows_and_quotes_the_one_that_differs(
    names: list[str], count: int, gap: int, chance: random.Random, data: st.DataObject
) -> None:
    usual, odd = data.draw(st.lists(WORD, min_size=2, max_size=2, unique=True))
    place = chance.randrange(count)
    rows = [
        [
            f"row{number:03}",
            odd if number == place else usual,
            *(str(chance.randrange(10**6)) for _ in names[2:]),
        ]
        for number in range(count)
    ]
    widths = [max(len(row[at]) for row in (names, *rows)) for at in range(len(names))]
    right = [False, False, *(chance.random() < 0.5 for _ in names[2:])]
    text = "\n".join(
        (" " * gap)
        .join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        )
        .rstrip()
        for row in (names, *rows)
    )
    digest = make_digest(text, ROOM)
    assert digest.recognised == ("table",), text
    assert f"table: {count} rows, {len(names)} columns" in digest.text
    lines = {line.number: line for line in clean_lines(text.split("\n"))}
    assert sheets.misquoted(digest, lines) == []
    assert any(part.line == place + 2 for fact in digest.facts for part in fact.parts), digest.text
    assert f"{usual} ×{count - 1}" in digest.text


@example(["aa", "ld", "aaa", "aaaa"], 6, ": ", random.Random(1))  # "ld: " begins a linker's messages
@given(
    names=st.lists(WORD, min_size=4, max_size=8, unique=True),
    count=st.integers(6, 40),
    separator=st.sampled_from([": ", " : ", ":\t", "   : "]),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_records_are_counted_and_the_one_that_differs_is_quoted(
    names: list[str], count: int, separator: str, chance: random.Random
) -> None:
    place = chance.randrange(count)
    lines = []
    for number in range(count):
        state = "Broken" if number == place else "Fine"
        values = [f"id{number}", state, *(str(chance.randrange(10**6)) for _ in names[2:])]
        lines += [f"{name}{separator}{value}" for name, value in zip(names, values, strict=True)]
        lines.append("")
    digest = make_digest("\n".join(lines), ROOM)
    assert digest.recognised == ("records",), digest.text
    assert f"records: {count} rows" in digest.text
    assert "Broken" in digest.text
    read = {line.number: line for line in clean_lines(lines)}
    assert sheets.misquoted(digest, read) == []


@given(
    failed=st.sets(st.integers(0, 299), min_size=1, max_size=8),
    messages=st.lists(WORD, min_size=8, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_every_failure_of_a_junit_report_is_named_with_its_cause(
    failed: set[int], messages: list[str]
) -> None:
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines.append(f'<testsuite name="all" tests="300" failures="{len(failed)}" errors="0">')
    causes = dict(zip(sorted(failed), messages, strict=False))
    for number in range(300):
        case = f'<testcase classname="pkg.mod{number % 7}" name="test_{number}" time="0.{number:03}"'
        if number in causes:
            cause = f"assert <{causes[number]}> & 1"
            body = f"<failure message={quoteattr(cause)}>{escape(cause)}\na.py:{number}</failure>"
            lines.append(f"{case}>{body}</testcase>")
        else:
            lines.append(f"{case}/>")
    lines.append("</testsuite>")
    text = "\n".join(lines)
    digest = make_digest(text, ROOM)
    assert digest.recognised == ("xml",)
    assert f"failures={len(failed)}" in digest.text
    for number, word in causes.items():
        assert f"test_{number} (L" in digest.text
        assert f"assert <{word}> & 1" in digest.text
    assert len(digest.text) <= ROOM


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('<!DOCTYPE a [<!ENTITY x "y">]><a><b/><b/><b/><b/><b>&x;</b></a>', id="entities"),
        pytest.param("<a><b></a>", id="not-closed"),
        pytest.param("<b>bold</b> prose <i>and</i> more", id="prose-with-tags"),
        pytest.param("<html><body><p>1</p><p>2</p><p>3</p></body></html>", id="a-page"),
        pytest.param("<a/>", id="tiny"),
        pytest.param("<a \ud800='1'/>", id="a-lone-surrogate"),
    ],
)
def test_these_texts_are_not_digested_as_xml(text: str) -> None:
    assert xml_facts(text) == []


def structure(text: str) -> object:
    return structure_of(list(clean_lines(text.split("\n"))))


@pytest.mark.parametrize(
    "text",
    [pytest.param(PROSE * 20, id="prose"), pytest.param(HELP * 5, id="help")]
    + [pytest.param(text, id=name) for name, text in SOURCE.items()],
)
def test_prose_and_source_have_no_structure_of_data(text: str) -> None:
    assert structure(text) is None


def test_the_files_of_this_project_have_none_either() -> None:
    files = [
        *ROOT.glob("server/**/*.py"),
        *ROOT.glob("tests/*.py"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*.md"),
    ]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert len(texts) > 300
    assert [str(path) for path, text in texts.items() if structure(text) is not None] == []
