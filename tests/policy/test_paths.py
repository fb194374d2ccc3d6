"""Tests of path confinement: hostile paths for three systems, swapped links, hard links, protected names."""

import itertools
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.common.errors import NotAFile, PathNotFound, PathOutsideRoots, PathProtected, WorkspaceError
from server.config.sections import PathsSettings
from server.offload.delivery import atomic
from server.offload.files.workspace import Workspace, expand, read_source, read_target
from server.offload.values import Caller
from server.policy.files.paths import confine
from server.policy.files.protected_files import protected_outputs
from server.policy.files.safe_open import HAS_HANDLES, open_for_reading
from server.policy.files.special_names import is_credential_file, is_protected_folder, windows_problem
from tests.policy.hostile_paths import CLIMBS, PROTECTED, WINDOWS, WINDOWS_FINE

SECRET = "a secret outside"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project next to a secret, with every kind of link that leads out of it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "project2").mkdir()
    root = tmp_path / "project"
    (root / "a" / "b").mkdir(parents=True)
    (root / "inside.txt").write_text("inside")
    (root / "out").symlink_to(tmp_path)
    (root / "chain").symlink_to("out")
    (root / "a" / "up").symlink_to("../..")
    (root / "to_file").symlink_to("../secret.txt")
    (root / "loop").symlink_to("loop")
    (root / "dead").symlink_to("../nowhere")
    (root / "link").symlink_to("a")
    return root


def workspace(root: Path) -> Workspace:
    return Workspace(Caller("c", "s", root, (root,)), 1000)


def test_the_list_has_the_documented_length() -> None:
    assert len({*CLIMBS, *PROTECTED, *WINDOWS}) >= 200


@pytest.mark.parametrize("given", CLIMBS)
def test_no_path_leads_out_of_the_project(project: Path, given: str) -> None:
    with pytest.raises(WorkspaceError):
        confine(given, project, (project,))


@pytest.mark.parametrize("given", PROTECTED)
def test_protected_names_in_all_spellings(project: Path, given: str) -> None:
    with pytest.raises(PathProtected):
        confine(given, project, (project,))


@pytest.mark.parametrize("given", WINDOWS)
def test_windows_forms(given: str) -> None:
    assert windows_problem(given) is not None


@pytest.mark.parametrize("given", WINDOWS_FINE)
def test_ordinary_windows_paths(given: str) -> None:
    assert windows_problem(given) is None


@pytest.mark.parametrize("given", [*CLIMBS, *PROTECTED, *WINDOWS])
def test_no_hostile_string_reads_anything_outside(project: Path, given: str) -> None:
    try:
        source = read_source(workspace(project), given)
    except WorkspaceError:
        return
    pytest.fail(f"{given!r} was read: {source.text!r}")


@pytest.mark.parametrize(
    "given", ["inside.txt", "./inside.txt", "a/../inside.txt", "link/../inside.txt", "a/b/new.txt"]
)
def test_ordinary_paths_pass(project: Path, given: str) -> None:
    assert confine(given, project, (project,)).is_relative_to(project)


def test_similar_names_pass() -> None:
    assert not is_protected_folder(".github")
    assert not is_protected_folder("git")
    assert not is_credential_file("keys.py")
    assert not is_credential_file("monkey.txt")


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.production", ".env.local", ".envrc", ".ENV", "prod.env", ".env.bak", ".env~", ".env1",
    ],
)  # fmt: skip
def test_environment_files_can_be_written_but_not_read(project: Path, name: str) -> None:
    place = workspace(project)
    assert read_target(place, name).digest is None
    (project / name).write_text("DB_PASSWORD=hunter2\n")
    (project / "plain.txt").symlink_to(name)
    for given in (name, "plain.txt"):
        for read in (read_source, read_target):
            with pytest.raises(PathProtected, match=r"`read` under \[paths\]"):
                read(place, given)
    assert name not in expand(place, "*.txt")
    with pytest.raises(PathNotFound):
        expand(place, "*env*")
    allowed = replace(place, readable=(".env*", "*.env"))
    assert read_source(allowed, "plain.txt").text == "DB_PASSWORD=hunter2\n"


@pytest.mark.parametrize(
    "name",
    [
        ".env.example", ".env.sample", ".env.template", ".env.dist", ".env.local.example",
        ".env.example.local", "example.env", "env.py", "environment.yml", "secrets.py",
        "credentials.py", "kubeconfig.go",
        "service-account.md", "service_account.ts", "id_rsa.pub", "tfstate.py", "boto.cfg", "my.cnf",
    ],
)  # fmt: skip
def test_templates_of_environment_files_can_be_read(project: Path, name: str) -> None:
    (project / name).write_text("inside")
    assert read_source(workspace(project), name).text == "inside"


def test_a_credential_file_can_be_allowed(project: Path) -> None:
    assert confine("ca.pem", project, (project,), readable=["*.pem"]).name == "ca.pem"
    with pytest.raises(PathProtected):
        confine("ca.key", project, (project,), readable=["*.pem"])


def test_a_hard_link_is_refused(project: Path) -> None:
    os.link(project.parent / "secret.txt", project / "notes.txt")
    with pytest.raises(PathOutsideRoots, match="second name"):
        read_source(workspace(project), "notes.txt")
    with pytest.raises(PathOutsideRoots, match="second name"):
        os.close(open_for_reading(project / "notes.txt", "notes.txt"))


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders")
def test_a_pipe_or_device_is_refused_immediately(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with pytest.raises(NotAFile):
        read_source(workspace(project), "pipe")
    with pytest.raises(NotAFile):
        open_for_reading(project / "pipe", "pipe")


def swap_while(target: Path, decoys: tuple[Path, Path], stop: threading.Event) -> None:
    """Alternate ``target`` between the first and the second state as fast as the disk allows."""
    spare = target.with_name("spare")
    for turn in itertools.count():
        if stop.is_set():
            return
        spare.symlink_to(decoys[turn % 2])
        spare.replace(target)


@pytest.mark.skipif(not HAS_HANDLES, reason="the system opens nothing relative to a folder")
def test_a_link_swapped_thousands_of_times_never_leaks(project: Path) -> None:
    inner, outer = project / "a", project.parent / "outer"
    outer.mkdir()
    for folder, text in ((inner, "inside"), (outer, SECRET)):
        (folder / "file.txt").write_text(text)
    door = project / "door"
    stop = threading.Event()
    swapper = threading.Thread(target=swap_while, args=(door, (inner, outer), stop))
    swapper.start()
    seen = {"inside": 0, "refused": 0}
    try:
        while sum(seen.values()) < 5000 or not all(seen.values()):
            try:
                source = read_source(workspace(project), "door/file.txt")
            except (PathOutsideRoots, PathNotFound):
                seen["refused"] += 1
            else:
                assert source.text == "inside"
                seen["inside"] += 1
    finally:
        stop.set()
        swapper.join()


@pytest.mark.skipif(not HAS_HANDLES, reason="the system opens nothing relative to a folder")
@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_that_takes_the_place_of_a_checked_path_is_not_followed(project: Path, swapped: str) -> None:
    outer, door = project.parent / "outer", project / "door"
    for folder, text in ((door, "inside"), (outer, SECRET)):
        folder.mkdir()
        (folder / "file.txt").write_text(text)
    checked = workspace(project).confine("door/file.txt")
    place = checked if swapped == "file" else door
    place.rename(project / "aside")
    place.symlink_to(outer / "file.txt" if swapped == "file" else outer)
    with pytest.raises(PathOutsideRoots, match="replaced by a link"):
        open_for_reading(checked, "door/file.txt")


@pytest.mark.skipif(not HAS_HANDLES, reason="the system opens nothing relative to a folder")
def test_a_folder_swapped_for_a_link_is_never_followed(project: Path) -> None:
    """The path is checked while ``door`` is a folder; then ``door`` becomes a link to the outside and
    back."""
    outer = project.parent / "outer"
    outer.mkdir()
    (outer / "file.txt").write_text(SECRET)
    door, aside = project / "door", project / "aside"
    door.mkdir()
    (door / "file.txt").write_text("inside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            door.rename(aside)
            at_the_door(lambda: door.symlink_to(outer))
            door.unlink()
            at_the_door(lambda: aside.rename(door))

    def at_the_door(put: Callable[[], object]) -> None:
        """Put something at ``door``; a concurrent write may have created the missing folder."""
        while True:
            try:
                put()
            except OSError:
                shutil.rmtree(door, ignore_errors=True)
            else:
                return

    swapper = threading.Thread(target=swap)
    swapper.start()
    refused = 0
    try:
        for turn in itertools.count():
            if turn >= 5000 and refused:
                break
            try:
                with os.fdopen(open_for_reading(door / "file.txt", "door/file.txt")) as file:
                    assert file.read() == "inside"
                if turn % 10 == 0:
                    atomic.write(door / f"new{turn}", b"x", None)
            except WorkspaceError:
                refused += 1
    finally:
        stop.set()
        swapper.join()
    assert [path.name for path in outer.iterdir()] == ["file.txt"]
    assert (outer / "file.txt").read_text() == SECRET


@pytest.mark.parametrize(
    ("output", "asks"),
    [
        (".env", True), (".env.local", True), ("config/.ENV", True), ("deploy/tls.key", True),
        (".github/workflows/ci.yml", True), ("sub/.github/workflows/ci.yml",
        True), (".GitHub/Workflows/x", True),
        ("a\\.env", True), (".env.", True), (".ｅｎｖ", True), (".gitlab-ci.yml", True), (".ci/run", True),
        ("src/a.py", False), ("environment.py", False), ("docs/.github.md", False), ("keys.py", False),
    ],
)  # fmt: skip
def test_protected_files_need_approval(output: str, asks: bool) -> None:
    assert bool(protected_outputs([output], PathsSettings().protect)) == asks


def test_matching_a_very_deep_path_takes_linear_time() -> None:
    deep = f"{'a/' * 2000}.github/workflows/ci.yml"
    outputs = [deep] * 200  # trying each end separately would take minutes
    assert len(protected_outputs(outputs, PathsSettings().protect)) == 200
    assert not protected_outputs([f"{'a/' * 1_000_000}.github/workflows/ci.yml"], PathsSettings().protect)
