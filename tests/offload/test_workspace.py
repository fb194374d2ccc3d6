"""Reading: paths, globs, selections, encodings, limits."""

import os
import sys
from pathlib import Path

import pytest

from server.common.errors import (
    BadArguments,
    BinaryFile,
    FileTooLarge,
    NotAFile,
    PathNotFound,
    PathOutsideRoots,
    SelectionNotFound,
)
from server.offload.files.globs import Walker
from server.offload.files.textfile import decode, encode
from server.offload.files.workspace import (
    Workspace,
    confine_target,
    expand,
    read_source,
    read_target,
    read_task,
)
from server.offload.values import Caller, Task

pytestmark = pytest.mark.fast


@pytest.fixture
def workspace(caller: Caller, project: Path) -> Workspace:
    read = ["a.py", "b.ts", "src/c.py", "src/deep/d.py", "src/deep/e.txt", "app/[slug]/page.tsx", "keep.log"]
    ignored = ["build/f.py", "src/gen/g.py", "x.log", ".git/h.py", "node_modules/i/j.py"]
    for name in (*read, *ignored):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    (project / ".gitignore").write_text("build/\n*.log\n!keep.log\nnode_modules\n")
    (project / "src/.gitignore").write_text("/gen/\n")
    return Workspace(caller, 1_000_000)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.py", ["a.py"]),
        ("**/*.py", ["a.py", "src/c.py", "src/deep/d.py"]),
        ("src/**/*.py", ["src/c.py", "src/deep/d.py"]),
        ("src/*", ["src/.gitignore", "src/c.py"]),
        ("src/**", ["src/.gitignore", "src/c.py", "src/deep/d.py", "src/deep/e.txt"]),
        ("*.{py,ts}", ["a.py", "b.ts"]),
        ("[ab].*", ["a.py", "b.ts"]),
        ("?.ts", ["b.ts"]),
        ("*.log", ["keep.log"]),
        ("./src/*.py", ["src/c.py"]),
        ("**.py", ["a.py", "src/c.py", "src/deep/d.py"]),
        ("src/**/deep/**/*.py", ["src/deep/d.py"]),
        ("src/d**p/*.py", ["src/deep/d.py"]),
        ("s*c/*", ["src/.gitignore", "src/c.py"]),
        ("[!a].ts", ["b.ts"]),
        ("app/[slug]/page.tsx", ["app/[slug]/page.tsx"]),
    ],
)
def test_globs_omit_files_that_git_ignores(workspace: Workspace, pattern: str, found: list[str]) -> None:
    assert list(expand(workspace, pattern)) == found


def test_an_invalid_range_matches_its_characters(workspace: Workspace, project: Path) -> None:
    (project / "[z-a]x.py").write_text("")
    assert list(expand(workspace, "[z-a]?.py")) == ["[z-a]x.py"]


def test_a_pattern_of_many_stars_is_matched_in_bounded_time(workspace: Workspace, project: Path) -> None:
    (project / ("ab" * 60)).write_text("")
    with pytest.raises(PathNotFound):
        expand(workspace, "*a" * 30 + "*c")
    assert list(expand(workspace, "*a" * 30 + "*b")) == ["ab" * 60]
    with pytest.raises(PathNotFound):
        expand(workspace, "**/*/" * 30 + "nothing")


def test_a_glob_that_matches_only_ignored_files_says_so(workspace: Workspace) -> None:
    with pytest.raises(PathNotFound, match="No file matches"):
        expand(workspace, "build/*.py")


@pytest.mark.parametrize("pattern", ["../**", "/etc/*", "~/*"])
def test_globs_stay_inside_the_roots(workspace: Workspace, pattern: str) -> None:
    with pytest.raises(PathOutsideRoots):
        expand(workspace, pattern)


def test_globs_neither_enter_git_nor_follow_links(
    workspace: Workspace, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/o.py").write_text("")
    (project / "out").symlink_to(tmp_path / "outside")
    (project / "link.py").symlink_to(tmp_path / "outside/o.py")
    assert list(expand(workspace, "**/*.py")) == ["a.py", "src/c.py", "src/deep/d.py"]
    with pytest.raises(PathNotFound):
        expand(workspace, "**/h.py")


@pytest.mark.skipif(sys.platform != "linux", reason="on other systems every name is UTF-8 or UTF-16")
def test_names_that_are_not_utf_8_are_skipped_by_globs_and_refused(
    workspace: Workspace, project: Path
) -> None:
    odd = os.fsdecode(b"caf\xe9.py")
    (project / odd).write_text("x = 1\n")
    (project / "link.py").symlink_to(odd)
    assert list(expand(workspace, "*.py")) == ["a.py"]
    for given in (odd, "link.py"):
        with pytest.raises(PathNotFound, match="not UTF-8") as caught:
            read_source(workspace, given)
        assert str(caught.value).isascii()


def test_only_as_much_is_read_as_a_model_could_read(workspace: Workspace, project: Path) -> None:
    for number in range(5):
        (project / f"large{number}.txt").write_text("word " * 180_000)
    with pytest.raises(FileTooLarge, match="4,000,000 characters") as refused:
        read_task(workspace, Task("Explain", files=("large*.txt",)))
    assert "batch_offload" in refused.value.next_step
    many = read_task(workspace, Task("Explain", files=("large0.txt",) * 6))
    assert [source.path.name for source in many.sources] == ["large0.txt"]
    for number in range(501):
        (project / f"small{number}.txt").write_text("x")
    with pytest.raises(BadArguments, match="more than 500 files"):
        read_task(Workspace(workspace.caller, 1_000_000), Task("Explain", files=("small*.txt",)))


def test_a_selection_is_distinguished_from_a_path(workspace: Workspace, project: Path) -> None:
    (project / "odd:10-20").write_text("odd\n")
    (project / "m.py").write_text("def f():\n    pass\n\n\ndef g():\n    return 1\n")
    assert read_source(workspace, "odd:10-20").text == "odd\n"
    assert read_source(workspace, "m.py::g").selected == "def g():\n    return 1"
    assert read_source(workspace, "m.py:1-2").selected == "def f():\n    pass"
    assert read_source(workspace, "m.py:5-99").selected == "def g():\n    return 1"
    assert read_source(workspace, "m.py:2").selected == "    pass"
    for given in ("m.py:0-2", "m.py:3-2", "m.py:40", "m.py::h", "src/deep/e.txt::x"):
        with pytest.raises(SelectionNotFound):
            read_source(workspace, given)


def test_files_are_read_once(workspace: Workspace) -> None:
    reading = read_task(workspace, Task("t", files=("a.py", "./a.py", "*.py")))
    assert [source.shown for source in reading.sources] == ["a.py"]


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (b"a\nb", ("utf-8", False, "\n", "a\nb")),
        (b"\xef\xbb\xbfa\r\nb\r\n", ("utf-8", True, "\r\n", "a\nb\n")),
        ("grün\n".encode("utf-16"), ("utf-16-le", True, "\n", "grün\n")),
        ("grün\n".encode("cp1252"), ("cp1252", False, "\n", "grün\n")),
        (b"", ("utf-8", False, "\n", "")),
        (b"\x1b[31mred\x1b[0m\n", ("utf-8", False, "\n", "\x1b[31mred\x1b[0m\n")),
        (b"a\r\nb\nc\r\n", ("utf-8", False, "\r\n", "a\nb\nc\n")),
        (b"old\rmac\r", ("utf-8", False, "\r", "old\nmac\n")),
        (b"a\r\r\nb\r\r\n", ("utf-8", False, "\r\r\n", "a\nb\n")),
        (b"# coding: latin-1\nx = 1\n", ("iso8859-1", False, "\n", "# coding: latin-1\nx = 1\n")),
    ],
)
def test_encodings_and_line_endings_are_recognised(
    workspace: Workspace, project: Path, data: bytes, known: tuple[str, bool, str, str]
) -> None:
    (project / "f.txt").write_bytes(data)
    decoded = decode(data, "f.txt")
    assert (decoded.encoding, decoded.bom, decoded.newline, decoded.text) == known
    assert read_source(workspace, "f.txt").text == decoded.text


@pytest.mark.parametrize(
    ("text", "newline", "data"),
    [("a\nb\n", "\r\n", b"a\r\nb\r\n"), ("a\r\nb\n", "\n", b"a\nb\n"), ("", "\r\n", b"")],
    ids=["to CRLF", "to LF", "empty"],
)
def test_a_whole_file_is_written_with_its_own_line_endings(text: str, newline: str, data: bytes) -> None:
    assert encode(text, "utf-8", False, newline, "f.txt") == data


@pytest.mark.parametrize("data", [b"\x00\x01", b"\x89PNG\r\n\x1a\n\x00", b"a\x00b", b"\xff\xfe\x00"])
def test_a_file_that_is_not_text_is_refused(workspace: Workspace, project: Path, data: bytes) -> None:
    (project / "f.bin").write_bytes(data)
    with pytest.raises(BinaryFile):
        read_source(workspace, "f.bin")
    with pytest.raises(BinaryFile):
        read_target(workspace, "f.bin")


def test_large_files_are_refused_by_their_size(caller: Caller, project: Path) -> None:
    (project / "big").write_bytes(b"x" * 11)
    with pytest.raises(FileTooLarge, match="11 bytes"):
        read_source(Workspace(caller, 10), "big")


def test_an_output_may_be_new_or_keeps_the_properties_of_the_existing_file(
    workspace: Workspace, project: Path
) -> None:
    assert read_target(workspace, "new/deep/x.py").digest is None
    (project / "y.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    target = read_target(workspace, "y.py")
    assert (target.bom, target.newline, target.text) == (True, "\r\n", "x = 1\n")
    assert read_target(workspace, "y.py::f").path == project / "y.py"


@pytest.mark.parametrize("name", ["[id].tsx", "{x}.py", "{{name}}.py", "x{a,b}.ts"])
def test_brackets_and_braces_are_part_of_an_outputs_name(
    workspace: Workspace, project: Path, name: str
) -> None:
    assert read_target(workspace, name).path == project / name


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such file name")
@pytest.mark.parametrize("name", ["{path}", "{stem}.py", "a*.py", "what?.md"])
def test_an_output_may_look_like_a_pattern_only_if_such_a_file_exists(
    workspace: Workspace, project: Path, name: str
) -> None:
    with pytest.raises(BadArguments, match=r"batch_offload with each=.* and output=\"{path}\""):
        read_target(workspace, name)
    (project / name).write_text("x = 1\n")
    assert read_target(workspace, name).text == "x = 1\n"


@pytest.mark.parametrize("name", ["docs/", "docs", "new/", "new/deep/"])
def test_an_output_that_is_a_folder_is_refused_with_an_example(
    workspace: Workspace, project: Path, name: str
) -> None:
    (project / "docs").mkdir()
    with pytest.raises(NotAFile) as caught:
        read_target(workspace, name)
    assert str(caught.value) == (
        f"not_a_file: {name} is a folder. Name a file in it, for example {name.rstrip('/')}/notes.md."
    )


@pytest.mark.parametrize(
    ("count", "wanted", "said"),
    [
        (3, "totl", "It has: total_0, total_1, total_2."),
        (7, "total_9", "Similar names: total_6, total_5, total_4."),
        (7, "Cart", "It has 7 definitions, such as: total_0, total_1, total_2, total_3, total_4, total_5."),
        (0, "Cart", "It has no definitions. Select lines, such as :10-40."),
    ],
)
def test_a_missing_selection_lists_all_or_similar_names(
    workspace: Workspace, project: Path, count: int, wanted: str, said: str
) -> None:
    (project / "m.py").write_text("".join(f"def total_{n}():\n    pass\n\n\n" for n in range(count)))
    with pytest.raises(SelectionNotFound) as caught:
        read_source(workspace, f"m.py::{wanted}")
    assert caught.value.next_step == said


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="the system has no /dev/zero")
@pytest.mark.parametrize("leads_to", ["/dev/zero", "../pipe", "../outside", "."])
def test_ignore_lists_are_read_only_from_regular_files(tmp_path: Path, leads_to: str) -> None:
    """A repository can contain such a link; reading it to the end would exhaust memory or hang."""
    root = tmp_path / "root"
    root.mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "outside").write_text("*.py\n")
    (root / "a.py").write_text("")
    (root / ".gitignore").symlink_to(leads_to)
    assert [path.name for path in Walker().find(root, "*.py", [root])] == ["a.py"]
    (root / ".gitignore").unlink()
    (root / ".gitignore").write_text("*.py\n")
    assert not list(Walker().find(root, "*.py", [root]))


@pytest.mark.skipif(os.name == "nt", reason="Windows reserves these characters")
@pytest.mark.parametrize("name", ["a:1-2", "a:7", "~notes.md", "b::part", "http:x", "C:x", "a*b", "[x].py"])
def test_a_file_of_any_name_is_found_and_read(caller: Caller, project: Path, name: str) -> None:
    folder = project / "odd"
    folder.mkdir()
    (folder / "plain.md").write_text("plain\n")
    (folder / name).write_text("odd\n")
    (project / name).write_text("odd at the top\n")
    workspace = Workspace(caller, 1_000_000)
    found = read_task(workspace, Task("x", ("odd/*",)))
    assert {source.shown: source.text for source in found.sources}[f"odd/{name}"] == "odd\n"
    assert len(found.sources) == 2
    top = read_task(workspace, Task("x", ("*",)))
    assert {source.shown: source.text for source in top.sources}[name] == "odd at the top\n"
    (project / name).unlink()
    if name in ("~notes.md", "C:x"):
        with pytest.raises(PathOutsideRoots):
            workspace.confine(name)


@pytest.mark.parametrize("name", ["x" * 256, "new/" + "y" * 300 + "/a.md", "ü" * 200])
def test_a_name_that_is_too_long_is_refused_as_such(caller: Caller, name: str) -> None:
    with pytest.raises(PathNotFound, match="too long"):
        confine_target(Workspace(caller, 1_000_000), name)
