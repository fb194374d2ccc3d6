"""Notices in a reply: at most 40 tokens, whatever an edit lost, and never a list of everything."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.ledger.tokens import estimate_tokens
from server.offload.asking.plan import make_plan
from server.offload.checks.run import check_answer
from server.offload.files.workspace import Reading, digest_of
from server.offload.run.reply import LONGEST, MOST_NAMED, NOTICE_TOKENS, delivered, noticed
from server.offload.values import Check, Delivery, Generation, Notice, Source, Target, Task, Verdict

COUNT = 30
NAMES = {
    "long": lambda number: f"compute_{'monthly_interest_' * 12}{number}",
    "short": lambda number: f"f{number}",
    "camel case": lambda number: f"Resolve{'HTTPRedirectQ7x' * 13}{number}",
    "Japanese": lambda number: f"{'価格計算' * 50}{number}",
}
Lines = Callable[[list[str]], str]
"""A text with some names."""


def _edit(head: str, part: Lines, tail: str = "") -> tuple[Lines, Lines]:
    return lambda names: head + part(names) + tail, lambda _names: head + tail


def _each(form: str) -> Lines:
    return lambda names: "".join(form.replace("NAME", each) for each in names)


def _changed(form: str, old: str, new: str) -> tuple[Lines, Lines]:
    part = _each(form)
    return part, lambda names: part(names).replace(old, new)


EDITS: dict[str, tuple[str, tuple[Lines, Lines]]] = {
    "definitions": ("a.py", _edit("import os\n\n\n", _each("def NAME(x):\n    return os\n\n\n"), "X = 1\n")),
    "renamed definitions": ("a.py", _changed("def NAME(x):\n    return x\n\n\n", "def ", "def new_")),
    "changed definitions": ("a.py", _changed("def NAME(x):\n    return 12\n\n\n", "12", "13")),
    "decorators": ("a.py", _changed("@NAME\ndef NAME_(x):\n    return 1\n\n\n", "@", "#")),
    "defaults": ("a.py", _changed("def NAME(NAME=1):\n    return 2\n\n\n", "=1", "=3")),
    "docstrings": ("a.py", _changed('def NAME(x):\n    """D."""\n    return 1\n\n\n', '    """D."""\n', "")),
    "modifiers": ("A.java", _changed("    public int NAME() { return 1; }\n", "public ", "")),
    "constants": ("a.py", _edit("X = 1\n", _each("NAME = 2\n"))),
    "comments": ("a.py", _edit("X = 1\n\n", _each("# NAME\n"), "\nY = 1\n")),
    "top comment": ("a.py", _edit("", _each("# NAME\n"), "\nY = 1\n")),
    "JSON keys": ("a.json", (lambda n: json.dumps(dict.fromkeys(n, 1)), lambda _: '{"a": 1}')),
    "YAML keys": ("a.yml", _edit("a: 1\n", _each("NAME: [1, 2]\n"))),
    "TOML keys": ("a.toml", _edit("a = 1\n", _each("NAME = 2\n"))),
    "digits": ("a.json", (lambda n: json.dumps(dict.fromkeys(n, 1.5)), lambda n: json.dumps(
        dict.fromkeys(n, 1.5)).replace("1.5", "1.50"))),
    "elements": ("a.xml", _edit("<a>", _each("<b NAME='1'>NAME</b>\n"), "<c/></a>\n")),
    "HTML elements": ("a.html", _edit("<main>", _each("<p class='NAME'>NAME</p>\n"), "<b>1</b></main>\n")),
    "sections": ("a.md", _edit("# A\n\n", _each("## NAME\n\nText.\n\n"))),
    "targets": ("Makefile", _edit("all: x\n\n", _each("NAME: x\n\tcc x\n\n"))),
    "instructions": ("Dockerfile", _edit("FROM a\n", _each("RUN NAME\n"))),
    "lines": ("a.sql", _edit("SELECT 1;\n", _each("DROP TABLE NAME;\n"))),
    "keys of settings": ("a.ini", _edit("[a]\nx = 1\n", _each("NAME = 1\n"))),
    "characters": ("a.txt", _changed("NAME “x”\n", "“x”", '"x"')),
    "invisible characters": ("a.txt", _changed("NAME x\n", "x", "x\u2063")),
    "undefined names": ("a.py", (lambda _: "X = 1\n", lambda n: "".join(f"def g{i}():\n    return {each}(1)\n"
                                                                        for i, each in enumerate(n)))),
    "unset attributes": ("a.py", (lambda _: "X = 1\n", lambda n: "class A:\n    def f(self):\n"
                                  + "".join(f"        self.{each}()\n" for each in n))),
    "hollow definitions": ("a.py", (lambda _: "X = 1\n", _each("def NAME():\n    # Later.\n    pass\n\n\n"))),
    "blanks": ("a.txt", _changed("NAME x\n", " x", "  x")),
    "size": ("a.txt", _edit("x\n", _each("NAME\n"))),
}  # fmt: skip
DIRECT = {
    "only definitions": "only the answer's definitions were taken: It removed function NAME, still used",
    "assertions": "30 assertions disagreed with NAME.py and left out, maybe a bug in the code: "
    + "; ".join("assert NAME(1) == 2" for _ in range(COUNT)),
    "file of an import": "it creates the file NAME when it is imported",
    "first line": "the first line may be a remark: NAME:",
    "file of a diff": "src/NAME/NAME.py: removed function NAME",
}


def notices_of(file: str, before: str, after: str) -> tuple[Notice, ...]:
    path = Path("/project", file)
    source = Source(path, file, before, digest_of(before.encode()), 0, len(before))
    target = Target(path, file, source.digest, before)
    plan = make_plan(Task("Tidy up.", (file,), file), Reading((source,), target), 32_000)
    plan = replace(plan, kind="edit_file", edited=source, parts=())
    verdict = check_answer(plan, Generation(f"````\n{after.rstrip()}\n````", "", "stop", 1, 1))
    assert verdict.passed, verdict.reason
    return verdict.notices


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(("file", "edit"), EDITS.values(), ids=EDITS)
def test_notices_of_an_edit_have_at_most_forty_tokens(
    file: str, edit: tuple[Lines, Lines], name: Callable[[int], str]
) -> None:
    names = [name(number) for number in range(COUNT)]
    notices = notices_of(file, edit[0](names), edit[1](names))
    assert notices
    line = noticed(notices)
    assert estimate_tokens(line, "B") <= NOTICE_TOKENS
    assert sum(each in line for each in names) <= 4
    if len(notices) > 4:
        more = re.search(r"; (\d+) more in the history\.$", line)
        assert more is not None
        assert 1 <= len(notices) - int(more[1]) <= MOST_NAMED


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("text", DIRECT.values(), ids=DIRECT)
def test_a_long_text_of_a_notice_is_cut(text: str, name: Callable[[int], str]) -> None:
    notices = [Notice(text.replace("NAME", name(number))) for number in range(COUNT)]
    for count in (1, 2, COUNT):
        assert estimate_tokens(noticed(notices[:count]), "B") <= NOTICE_TOKENS


def test_a_cut_name_keeps_its_end() -> None:
    path = "jobs.test.strategy.matrix.include.exclude.gemfile.version.[12].ruby"
    line = noticed([Notice(f"removed key {path}"), Notice(f"renamed key {path} to {path}_new")])
    assert line.startswith("Notice: removed key ")
    assert "[12].ruby; renamed key " in line
    assert line.endswith(".ruby_new.")


def test_a_signature_loses_its_parameters_before_its_name_is_cut() -> None:
    signature = "removed method StreamHandler.__construct(resource|string $stream, int|string|Level $level)"
    line = noticed([Notice(signature), Notice("changed method StreamHandler.writesToAnotherStreamAgain")])
    assert "__construct(…)" in line


@pytest.mark.parametrize("sign", ["🙂", "\u2063", "ǅ", "Ω≈ç√∫"], ids=["emoji", "invisible", "rare", "mixed"])
def test_unusual_characters_are_counted_as_tokens(sign: str) -> None:
    assert estimate_tokens(noticed([Notice(sign * 200)]), "B") <= NOTICE_TOKENS


def test_a_reply_with_notices_keeps_its_id_and_the_end_of_a_long_path() -> None:
    checks = tuple(Check(f"check integration-tests-{number}", passed=True) for number in range(9))
    notices = tuple(Notice(f"removed function {NAMES['long'](number)}") for number in range(COUNT))
    path = "/".join(["packages"] * 22 + ["orders.py"])
    assert len(path) > 200
    delivery = Delivery(Path("/project", path), path, b"1", "2", "", 10, 20, names=("f",))
    for verdict in (Verdict(checks[:2], "x", (), notices), Verdict(checks, "x", (), notices)):
        text = delivered("3f2a", delivery, verdict, failed=2, model="m" * 60, seconds=1.0, net=-1_000)
        assert len(text) <= LONGEST
        assert text.endswith(" id 3f2a")
        assert "/orders.py: +10 -20 lines. Notice: removed function " in text
