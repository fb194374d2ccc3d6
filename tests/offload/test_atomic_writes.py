"""Atomic writes and removals of one file, and the diff of a change."""

import hashlib
from pathlib import Path

import pytest

from server.common.errors import FileChanged, PathOutsideRoots
from server.offload.delivery import atomic
from server.offload.delivery.change import unified_diff

pytestmark = pytest.mark.fast
OLD, NEW = b"x = 1\n", b"x = 2\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_new_file_gets_its_folders(tmp_path: Path) -> None:
    created = atomic.write(tmp_path / "a" / "b" / "new.py", NEW, None)
    assert created == (tmp_path / "a", tmp_path / "a" / "b")
    assert atomic.read(tmp_path / "a" / "b" / "new.py") == NEW


def test_a_file_with_other_content_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(OLD)
    for expected in (None, sha256(NEW)):
        with pytest.raises(FileChanged, match="changed after it was read"):
            atomic.write(file, NEW, expected)
    with pytest.raises(FileChanged):
        atomic.remove(file, sha256(NEW))
    assert file.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [file]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "run.sh"
    file.write_bytes(OLD)
    file.chmod(0o750)
    assert atomic.write(file, NEW, sha256(OLD)) == ()
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (NEW, 0o750)
    atomic.remove(file, sha256(NEW))
    assert atomic.read(file) is None


def test_a_folder_that_became_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "src").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PathOutsideRoots):
        atomic.write(tmp_path / "src" / "a.py", NEW, None)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_diff_names_the_file_and_its_changed_lines() -> None:
    diff = unified_diff("x = 1\ny = 1", "x = 2\ny = 1", "src/a.py")
    assert diff.splitlines()[:2] == ["--- a/src/a.py", "+++ b/src/a.py"]
    assert "-x = 1\n+x = 2\n y = 1\n\\ No newline at end of file\n" in diff
    assert unified_diff("x\n", "x\n", "a.py") == ""
