"""``token-saver digest`` and ``run`` as a shell uses them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forks import program

CRASH = "import sys\nfor i in range(300): print('working on', i)\nsys.exit('disk full on /dev/sdb')\n"


def token_saver(*arguments: str, cwd: Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    environ = {name: os.environ[name] for name in ("PATH", "TOKEN_SAVER_HOME")}
    return program.run(*arguments, cwd=cwd, env=environ, stdin=stdin)


def test_run_ends_with_the_status_of_its_command_and_keeps_the_output(tmp_path: Path) -> None:
    done = token_saver("run", "--max", "600", "--", sys.executable, "-uc", CRASH, cwd=tmp_path)
    assert done.returncode == 1
    assert "exit 1" in done.stdout
    assert "L301: disk full on /dev/sdb" in done.stdout
    handle = re.search(r"full text: digest (kept:[0-9a-f]{16}), 301 lines", done.stdout)
    assert handle is not None, done.stdout
    lines = token_saver("digest", f"{handle[1]}:299-301", cwd=tmp_path)
    assert lines.stdout == "working on 298\nworking on 299\ndisk full on /dev/sdb\n"
    sought = token_saver("digest", handle[1], "--focus", "disk", "--max", "200", cwd=tmp_path)
    assert "L301: disk full on /dev/sdb" in sought.stdout


def test_a_handle_is_of_no_use_in_another_project(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    done = token_saver("run", "--max", "200", "--", sys.executable, "-uc", CRASH, cwd=tmp_path / "a")
    handle = re.search(r"kept:[0-9a-f]{16}", done.stdout)
    assert handle is not None
    refused = token_saver("digest", handle[0], cwd=tmp_path / "b")
    assert refused.returncode == 1
    assert "not_found" in refused.stderr


def test_options_of_the_command_are_left_to_it(tmp_path: Path) -> None:
    done = token_saver(
        "run", "--", sys.executable, "-c", "import sys; print(sys.argv)", "--max", "3", cwd=tmp_path
    )
    assert "['-c', '--max', '3']" in done.stdout
    assert done.returncode == 0


def test_a_missing_command_is_an_error(tmp_path: Path) -> None:
    done = token_saver("run", "--", "no-such-program-here", cwd=tmp_path)
    assert done.returncode == 1
    assert "Command not found: 'no-such-program-here'" in done.stderr


def test_digest_reads_standard_input_and_files(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(
        "".join(f"2026-11-30 08:00:{i % 60:02} INFO tick {i}\n" for i in range(200))
        + "2026-11-30 08:04:00 ERROR no paper\n"
    )
    from_file = token_saver("digest", str(log), "--max", "300", cwd=tmp_path)
    assert "no paper" in from_file.stdout
    assert "full text" not in from_file.stdout
    from_input = token_saver("digest", "--max", "300", cwd=tmp_path, stdin=log.read_text())
    assert "no paper" in from_input.stdout
    assert re.search(r"full text: digest kept:[0-9a-f]{16}, 201 lines", from_input.stdout)
    literal = token_saver("digest", str(log), "--lines", "201", cwd=tmp_path)
    assert literal.stdout == "2026-11-30 08:04:00 ERROR no paper\n"


@pytest.mark.parametrize("lines", ["0", "9-3", "x", "5-"], ids=["zero", "backwards", "word", "open"])
def test_wrong_line_numbers_are_an_error(tmp_path: Path, lines: str) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    done = token_saver("digest", "a.txt", "--lines", lines, cwd=tmp_path)
    assert done.returncode == 1
    assert "bad_arguments" in done.stderr


def test_secrets_are_removed(tmp_path: Path) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8rS1tU4vW7xY0zA3bC6"
    (tmp_path / "a.log").write_text(f"ERROR could not push with {token}\n")
    for arguments in (("a.log",), ("a.log", "--lines", "1")):
        assert token not in token_saver("digest", *arguments, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "name", [".env", "id_rsa", "secrets.yaml", ".git/config", "docs/a.md"],
    ids=["environment", "key", "secrets", "git", "denied"],
)  # fmt: skip
def test_path_rules_hold_for_files(tmp_path: Path, token_saver_home: Path, name: str) -> None:
    token_saver_home.mkdir(parents=True, exist_ok=True)
    (token_saver_home / "policy.yaml").write_text(POLICY)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("PLAIN=words\n")
    ways = [(name,), (name, "--lines", "1"), (str(path),)]
    if sys.platform != "win32":
        (tmp_path / "link.txt").symlink_to(path)
        ways.append(("link.txt",))
    for arguments in ways:
        refused = token_saver("digest", *arguments, cwd=tmp_path)
        assert refused.returncode == 1, refused.stdout
        assert "words" not in refused.stdout
        assert re.search(r" \((path_protected|denied)\)$", refused.stderr.rstrip()), refused.stderr
    (tmp_path / "other.txt").write_text("PLAIN=words\n")
    assert "words" in token_saver("digest", "other.txt", cwd=tmp_path).stdout


POLICY = """\
version: "1"
default: allow
tools:
  compress_context:
    rules:
      - name: others alone
        conditions:
          - {path: args.files, op: contains, value: other.txt}
"""


def test_path_rules_hold_for_handles_to_files(tmp_path: Path) -> None:
    from server.config.folders import find_folders
    from server.digests.kept import KeptTexts

    with KeptTexts(find_folders().cache / "texts").writing(tmp_path, source=str(tmp_path / ".env")) as kept:
        kept.write(b"PLAIN=words\n")
    for arguments in (
        (f"kept:{kept.handle}",),
        (f"kept:{kept.handle}:1-1",),
        (f"kept:{kept.handle}", "--lines", "1"),
    ):
        refused = token_saver("digest", *arguments, cwd=tmp_path)
        assert refused.returncode == 1
        assert "path_protected" in refused.stderr
