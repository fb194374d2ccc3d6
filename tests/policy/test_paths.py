"""Paths stay inside the roots, whatever they look like."""

import os
import socket
from pathlib import Path

import pytest

from server.errors import NotAFile, PathNotFound, PathOutsideRoots, PathProtected, TokenSaverError
from server.policy.paths import confine, require_file, shown


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/a.py").write_text("x = 1\n")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "project-two").mkdir()
    return folder


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("new/deep/file.md", "new/deep/file.md"),
        ("a file with spaces.txt", "a file with spaces.txt"),
        ("grün/日本.py", "grün/日本.py"),
        ("..notes", "..notes"),
        ("app/[slug]/page.tsx", "app/[slug]/page.tsx"),
        (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
        (".gitignore", ".gitignore"),
    ],
)
def test_paths_inside_are_absolute_and_without_links(project: Path, given: str, inside: str) -> None:
    assert confine(given, project, [project]) == project / inside


HOSTILE = [
    ("../secret.txt", PathOutsideRoots),
    ("src/../../secret.txt", PathOutsideRoots),
    ("src/" + "../" * 60 + "etc/passwd", PathOutsideRoots),
    ("/etc/passwd", PathOutsideRoots),
    ("//etc/passwd", PathOutsideRoots),
    ("/proc/self/environ", PathOutsideRoots),
    ("/proc/self/root/etc/passwd", PathOutsideRoots),
    ("/dev/zero", PathOutsideRoots),
    ("../project-two/a.py", PathOutsideRoots),
    ("~/.bashrc", PathOutsideRoots),
    ("~root/.bashrc", PathOutsideRoots),
    ("file:///etc/passwd", PathOutsideRoots),
    ("https://example.com/a.py", PathOutsideRoots),
    ("C:\\Windows\\win.ini", PathOutsideRoots),
    ("C:/Windows/win.ini", PathOutsideRoots),
    ("c:file.txt", PathOutsideRoots),
    ("\\\\server\\share\\file", PathOutsideRoots),
    ("\\\\?\\C:\\file", PathOutsideRoots),
    ("\\\\.\\PhysicalDrive0", PathOutsideRoots),
    ("..", PathOutsideRoots),
    ("", PathNotFound),
    ("   ", PathNotFound),
    ("src/a.py\0.txt", PathNotFound),
    ("src/a\n.py", PathNotFound),
    ("src/\x1b[2Ja.py", PathNotFound),
    ("x" * 5000, PathNotFound),
    (".git/config", PathProtected),
    ("sub/.git/hooks/pre-commit", PathProtected),
    (".GIT/config", PathProtected),
    (".git", PathProtected),
    (".ssh/config", PathProtected),
    ("keys/id_rsa", PathProtected),
    ("id_ed25519", PathProtected),
    ("server.pem", PathProtected),
    ("tls/private.KEY", PathProtected),
    (".netrc", PathProtected),
]


@pytest.mark.skipif(os.name == "nt", reason="other forms are foreign there")
@pytest.mark.parametrize(("given", "error"), HOSTILE)
def test_hostile_paths_are_refused(project: Path, given: str, error: type[TokenSaverError]) -> None:
    with pytest.raises(error) as refused:
        confine(given, project, [project])
    assert refused.value.cause
    assert refused.value.next_step


def test_links_are_followed_before_they_are_judged(project: Path, tmp_path: Path) -> None:
    (project / "out").symlink_to(tmp_path)
    (project / "out.txt").symlink_to(tmp_path / "secret.txt")
    (project / "dangling").symlink_to(tmp_path / "new.txt")
    (project / "chain").symlink_to("out")
    (project / "inner").symlink_to("src")
    (project / "loop").symlink_to("loop")
    (project / "git").symlink_to(".git")
    for given in ("out/secret.txt", "out.txt", "dangling", "chain/secret.txt", "inner/../../secret.txt"):
        with pytest.raises(PathOutsideRoots):
            confine(given, project, [project])
    with pytest.raises(PathNotFound):
        confine("loop/a.py", project, [project])
    with pytest.raises(PathProtected):
        confine("git/config", project, [project])
    assert confine("inner/a.py", project, [project]) == project / "src/a.py"


def test_a_root_that_is_a_link_is_its_target(project: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project)
    assert confine("src/a.py", link, [link]) == project / "src/a.py"
    assert shown(project / "src/a.py", link) == "src/a.py"


def test_without_roots_nothing_is_inside(project: Path) -> None:
    with pytest.raises(PathOutsideRoots, match="no project folder"):
        confine("src/a.py", project, [])


def test_a_second_root_is_reached_by_its_absolute_path(project: Path, tmp_path: Path) -> None:
    two = tmp_path / "project-two"
    assert confine(str(two / "b.py"), project, [project, two]) == two / "b.py"


def test_the_apps_own_folders_are_protected(project: Path) -> None:
    home = project / "home"
    with pytest.raises(PathProtected):
        confine("home/token", project, [project], [home])
    assert confine("homework.txt", project, [project], [home])


def test_only_ordinary_files_can_be_read(project: Path) -> None:
    os.mkfifo(project / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(project / "socket"))
    for name in ("pipe", "socket", "src"):
        with pytest.raises(NotAFile):
            require_file(project / name, name)
    server.close()
    with pytest.raises(PathNotFound):
        require_file(project / "none", "none")
    with pytest.raises(PathNotFound):
        require_file(project / "src/a.py/b", "b")
    assert require_file(project / "src/a.py", "a").st_size == 6
