"""The installation script: it installs the app for one user, without root, and removes it again."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from tests.system import require

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "packaging" / "install.sh"
WINDOWS_SCRIPT = ROOT / "packaging" / "install.ps1"
BASICS = ("sh", "sed", "id", "uname", "dirname", "readlink", "grep", "mkdir", "rmdir", "rm", "ldd", "cat")


def test_the_script_for_windows_is_valid_and_says_that_it_was_not_tested() -> None:
    source = WINDOWS_SCRIPT.read_bytes()
    tree = Parser(Language(tree_sitter_powershell.language())).parse(source)
    assert not tree.root_node.has_error, broken_lines(tree.root_node)
    assert b"This script was not tested on Windows yet." in source
    assert source.isascii(), (
        "Windows PowerShell reads a script without a byte order mark in the system's code page"
    )


def test_both_scripts_install_the_same_app_with_the_same_uv() -> None:
    shell, windows = (path.read_text(encoding="utf-8") for path in (SCRIPT, WINDOWS_SCRIPT))
    for name, windows_name in (("PACKAGE", "Package"), ("UV_VERSION", "UvVersion")):
        [value] = re.findall(rf"^{name}=(.+)$", shell, re.MULTILINE)
        assert re.findall(rf"^\${windows_name} = '(.+)'$", windows, re.MULTILINE) == [value]


def broken_lines(node: Node) -> list[int]:
    """Return the lines, from 1, of a syntax tree's errors."""
    if node.is_error or node.is_missing:
        return [node.start_point[0] + 1]
    return [line for child in node.children for line in broken_lines(child)]


on_unix = pytest.mark.skipif(sys.platform == "win32", reason="a script for Linux and macOS")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The empty home of a new user, with a space in its path."""
    folder = tmp_path / "new user"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address and the folder of a real server with uv's archive."""
    folder = tmp_path_factory.mktemp("releases")
    system = "apple-darwin" if sys.platform == "darwin" else "unknown-linux-gnu"
    machine = platform.machine().replace("arm64", "aarch64")
    name = f"uv-{machine}-{system}"
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(real_uv(), arcname=f"{name}/uv")
    checksum = hashlib.sha256((folder / f"{name}.tar.gz").read_bytes()).hexdigest()
    (folder / f"{name}.tar.gz.sha256").write_text(f"{checksum}  {name}.tar.gz\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def real_uv() -> Path:
    """Return uv's program; on PATH there may be a script that starts it."""
    require("uv")
    found = subprocess.run(
        [os.environ.get("UV") or "uv", "run", "--no-project", "printenv", "UV"],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(found.stdout.strip()).resolve()


def install_script(
    home: Path, *arguments: str, path: str | None = None, address: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the script as a new user whose PATH has this Python and no uv."""
    programs = home.parent / "programs"
    if not programs.exists():
        programs.mkdir()
        for name in BASICS:
            (programs / name).symlink_to(shutil.which(name) or pytest.fail(f"{name} is missing"))
        (programs / "python3").symlink_to(Path(sys.base_prefix, "bin", "python3"))
    cache = subprocess.run(["uv", "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    kept = {name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ}
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments],
        env={
            **kept,
            "HOME": str(home),
            "PATH": str(programs) if path is None else path,
            "UV_DOWNLOAD_URL": address,
            "UV_CACHE_DIR": cache,
            "TOKEN_SAVER_PORT": "0",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def left_in(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*"))


@on_unix
def test_a_new_user_installs_the_app_and_removes_all_of_it(home: Path, releases: tuple[str, Path]) -> None:
    (home / "notes.txt").write_text("mine\n")
    done = install_script(home, "--yes", "--from", str(ROOT), address=releases[0])
    assert done.returncode == 0, done.stderr
    assert f"its commands   {home}/.local/bin: token-saver" in done.stdout
    command = home / ".local" / "bin" / "token-saver"
    assert f"{command} connect claude-code" in done.stdout
    environ = {"HOME": str(home), "PATH": os.defpath, "TOKEN_SAVER_PORT": "0"}
    said = subprocess.run(
        [command, "config", "get", "port"], env=environ, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    removed = install_script(home, "--uninstall", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert left_in(home) == ["notes.txt"]


@on_unix
def test_without_python_one_line_says_what_is_missing(home: Path) -> None:
    install_script(home)
    programs = home.parent / "programs"
    (programs / "python3").unlink()
    done = install_script(home, "--yes")
    assert done.returncode == 1
    assert done.stderr == (
        "install.sh: Python 3.11 or later is missing. Install it first, such as: sudo apt install python3\n"
    )
    assert left_in(home) == []


@on_unix
def test_a_damaged_download_of_uv_is_refused_and_nothing_is_left(
    home: Path, releases: tuple[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(releases[1], folder)
    [archive] = folder.glob("*.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-1] + b"!")
    done = install_script(home, "--yes", "--from", str(ROOT), address=folder.as_uri())
    assert done.returncode == 1
    assert "another checksum" in done.stderr
    assert [name for name in left_in(home) if name not in (".local", ".local/bin", ".local/share")] == []


@on_unix
def test_without_a_terminal_nothing_happens_unless_the_user_agreed_before(home: Path) -> None:
    done = install_script(home)
    assert done.returncode == 1
    assert "This needs your confirmation, but standard input is not a terminal. Add --yes." in done.stderr
    assert left_in(home) == []


@on_unix
def test_removing_what_was_never_installed_is_an_error(home: Path) -> None:
    done = install_script(home, "--uninstall", "--yes")
    assert done.returncode == 1
    assert "was not installed by this script" in done.stderr
