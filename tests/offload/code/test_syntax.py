"""Definitions in every language: found by name with decorators and comments, and shown in outline."""

import sys

import pytest

from server.common.errors import SelectionNotFound
from server.offload.checks.parses import Parsed, parse_result
from server.offload.code.languages import LANGUAGES, language_in, language_of, named_language
from server.offload.code.syntax import definitions
from server.offload.files.selection import find, outline

pytestmark = pytest.mark.fast

CASES = [
    ("a.py", "import re\n\n\n@cache\ndef f(x):\n    return x\n", "f", "@cache\ndef f(x):\n    return x"),
    (
        "a.py",
        "class A:\n    # about m\n    def m(self): pass\n",
        "A.m",
        "    # about m\n    def m(self): pass",
    ),
    ("a.py", "#!/usr/bin/python\ndef f(): pass\n", "f", "def f(): pass"),
    ("a.py", "x = 'é'\n\n\ndef f():\n    return 'ü'\n", "f", "def f():\n    return 'ü'"),
    (
        "a.js",
        "/** doc */\nexport function f(a) { return a }\n",
        "f",
        "/** doc */\nexport function f(a) { return a }",
    ),
    (
        "a.js",
        "export const g = async (x) => { return 1 };\n",
        "g",
        "export const g = async (x) => { return 1 };",
    ),
    ("a.js", "class A { m() {} n() {} }\n", "A.n", "n() {}"),
    ("a.ts", "interface I { a: string }\nclass A<T> {\n  m(x: T): void {}\n}\n", "A.m", "  m(x: T): void {}"),
    ("a.ts", "enum E { a }\ntype T = string;\n", "T", "type T = string;"),
    (
        "a.tsx",
        "export const C = () => { return <div/> };\n",
        "C",
        "export const C = () => { return <div/> };",
    ),
    ("a.go", "package a\n\n// F does.\nfunc F() {}\n", "F", "// F does.\nfunc F() {}"),
    ("a.go", "package a\n\nfunc (s *S[T]) M() {}\n", "S.M", "func (s *S[T]) M() {}"),
    ("a.go", "package a\n\ntype S struct{ x int }\n", "S", "type S struct{ x int }"),
    (
        "a.rs",
        "/// doc\n#[derive(Debug)]\nstruct P;\nimpl P {\n    fn f(&self) {}\n}\n",
        "P.f",
        "    fn f(&self) {}",
    ),
    (
        "a.rs",
        "/// doc\n#[derive(Debug)]\nstruct P { x: i32 }\nimpl P {}\n",
        "P",
        "/// doc\n#[derive(Debug)]\nstruct P { x: i32 }",
    ),
    (
        "A.java",
        "class A {\n  @Override\n  int m(int x) { return 1; }\n}\n",
        "A.m",
        "  @Override\n  int m(int x) { return 1; }",
    ),
    (
        "a.c",
        "#include <a.h>\n/* d */\nstatic int *f(int a) { return 0; }\n",
        "f",
        "/* d */\nstatic int *f(int a) { return 0; }",
    ),
    ("a.c", "struct s { int a; };\nstruct s g;\n", "s", "struct s { int a; };"),
    ("a.cpp", "int A::q() const { return 2; }\n", "A::q", "int A::q() const { return 2; }"),
    (
        "a.cpp",
        "namespace n {\nclass A {\n  int m() { return 1; }\n};\n}\n",
        "n.A.m",
        "  int m() { return 1; }",
    ),
    (
        "a.cs",
        "class A {\n  public int P { get; set; }\n  void M() {}\n}\n",
        "A.P",
        "  public int P { get; set; }",
    ),
    (
        "a.rb",
        "module M\n  class A\n    def m(x)\n      x\n    end\n  end\nend\n",
        "A#m",
        "    def m(x)\n      x\n    end",
    ),
    ("a.php", "<?php\nclass A {\n  public function m() {}\n}\n", "A::m", "  public function m() {}"),
    ("a.sh", "#!/bin/bash\nf() {\n  echo\n}\n", "f", "f() {\n  echo\n}"),
    ("a.kt", "class A {\n  // x\n  fun f(a: Int) = a\n}\n", "A.f", "  // x\n  fun f(a: Int) = a"),
    ("a.swift", "class A {\n  @x func f() {}\n}\n", "A.f", "  @x func f() {}"),
    ("a.scala", "object A {\n  def f(a: Int) = a\n}\n", "A.f", "  def f(a: Int) = a"),
    ("a.dart", "class A {\n  int f() { return 1; }\n}\n", "A.f", "  int f() { return 1; }"),
    ("a.lua", "local M = {}\nfunction M.f(a) return a end\n", "M.f", "function M.f(a) return a end"),
    ("a.ex", "defmodule A do\n  def f(a), do: a\nend\n", "A.f", "  def f(a), do: a"),
    ("a.zig", "const A = struct {\n    fn f() void {}\n};\n", "A.f", "    fn f() void {}"),
    ("a.ps1", "function Get-A {\n  1\n}\n", "Get-A", "function Get-A {\n  1\n}"),
    ("a.js", "class A {\n  #f() {}\n}\n", "A.#f", "  #f() {}"),
    ("a.rb", "class A\n  def f?\n  end\nend\n", "A.f?", "  def f?\n  end"),
]


@pytest.mark.parametrize(("name", "text", "part", "selected"), CASES, ids=lambda value: str(value)[:20])
def test_a_definition_is_selected_with_its_decorators_and_comments(
    name: str, text: str, part: str, selected: str
) -> None:
    start, end = find(text, name, part, name)
    assert text[start:end] == selected


def test_every_language_with_definitions_is_covered() -> None:
    covered = {language_of(name) for name, *_ in CASES}
    assert {language for language in LANGUAGES if language.has_definitions} <= covered


def test_a_missing_name_is_answered_with_similar_names() -> None:
    with pytest.raises(SelectionNotFound) as missing:
        find("def parse_line(): pass\ndef other(): pass\n", "a.py", "parse_lines", "a.py")
    assert "parse_line" in missing.value.next_step
    with pytest.raises(SelectionNotFound, match="2 times"):
        find("def f(): pass\ndef f(): pass\n", "a.py", "f", "a.py")


def test_an_outline_lists_the_signatures_around_the_part() -> None:
    text = "import re\n\n\nclass A:\n    def f(self, x: int):\n        return 'x'\n\n    def g(self): pass\n"
    part = find(text, "a.py", "A.g", "a.py")
    shown = outline(text, language_of("a.py"), [part], 1000)
    assert shown == "- `import re`\n- `class A`\n  - `def f(self, x: int)`"
    assert len(outline(text, language_of("a.py"), [part], 20)) < 40


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.py", "x = 1\n", "x = = 1\n"),
        ("a.py", "def f():\n    return 1\n", "def f():\nreturn 1\n"),
        ("a.js", "let x = 1;", "let x = ;"),
        ("a.ts", "let x: number = 1;", "let x: = 1;"),
        ("a.tsx", "const x = <div>a</div>;", "const x = <div>a</p;"),
        ("a.go", "package a\n", "package\n"),
        ("a.rs", "fn f() {}", "fn f( {}"),
        ("A.java", "class A {}", "class {}"),
        ("a.c", "int f(void) { return 1; }", "int f(void) { return 1; "),
        ("a.cpp", "class A { int x; };", "class A { int x; "),
        ("a.cs", "class A { }", "class A { "),
        ("a.rb", "def f\n  1\nend\n", "def f\n  1\n"),
        ("a.php", "<?php echo 1;", "<?php echo (1;"),
        ("a.sh", "if true; then echo; fi", "if true; then echo;"),
        ("a.json", '{"a": 1}', '{"a": 1,}'),
        ("a.css", "a { color: red; }", "a { color: red; "),
        ("a.toml", "a = 1", "a = "),
        ("a.yaml", "a: [1]", "a: [1"),
    ],
)
def test_syntax_errors_are_found(name: str, good: str, bad: str) -> None:
    language = language_of(name)
    assert parse_result("", good, name, language) == Parsed()
    assert parse_result("", bad, name, language).error
    assert parse_result(good, bad, name, language).error
    assert not parse_result(bad, bad, name, language).error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "anything ("),
        ("a.c", "static int __init f(void)\n{\n\treturn 0;\n}\n"),
        ("a.cpp", 'TEST_CASE("adds") {\n    REQUIRE(add(1, 2) == 3);\n}\n'),
        ("a.css", "@container (width > 30rem) {\n  .card { display: grid; }\n}\n"),
        ("a.yaml", "{{- if .x }}\nname: a\n{{- end }}\n"),
        ("a.py", "type Maybe[T] = T | None\n"),
        ("a.py", 'def f(names):\n    return f"Hello {", ".join(names)}"\n'),
    ],
    ids=["text", "kernel macro", "test macro", "new rule", "template", "type statement", "nested quotes"],
)
def test_texts_that_a_parser_cannot_judge_are_not_checked(name: str, text: str) -> None:
    parsed = parse_result("", text, name, language_of(name))
    assert not parsed.error
    if sys.version_info < (3, 12) or name != "a.py":
        assert not parsed.checked or name == "a.css"


def test_headers_that_c_cannot_parse_are_cpp() -> None:
    text = "class A {\npublic:\n    A(int x) : x_(x) {}\n\nprivate:\n    int x_;\n};\n"
    assert language_in("a.h", text) == named_language("cpp")
    assert language_in("a.h", "struct a { int x; };\n") == named_language("c")


def test_names_and_endings_determine_the_language() -> None:
    assert language_of("a.md", "python") is None
    assert language_of("Makefile", "bash") == named_language("sh")


def test_deeply_nested_input_is_parsed() -> None:
    python, json_ = language_of("a.py"), language_of("a.json")
    assert python is not None
    parse_result("", "(" * 50_000, "a.py", python)
    parse_result("", "[" * 50_000, "a.json", json_)
    text = (
        "class A:\n" + "".join("    " * n + f"class B{n}:\n" for n in range(1, 90)) + "    " * 90 + "pass\n"
    )
    assert len(definitions(text, python)) == 90
    long = "x = " + " + ".join(["1"] * 5_000) + "\n\n\ndef f():\n    return 1\n"
    assert [each.name for each in definitions(long, python)] == ["f"]
