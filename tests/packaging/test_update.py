"""``token-saver update`` with real wheels of several versions, from an index on the loopback interface."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from server.commands.update.environment import copy_of
from server.common.distribution import NAME
from server.store.migrations.backup import backup_path, schema_of
from server.store.migrations.migrate import HEAD
from tests.packaging.compiled_modules import add_compiled, lend_compiled
from tests.packaging.installed import OFFLOADS, Installed, Original, wait_until, with_history
from tests.packaging.wheels import build_wheel, change_wheel, package_index
from tests.system import require

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="on Windows, `update` says what to do"),
    pytest.mark.timeout(1200),
]

NOW, GOOD, DEAD, BROKEN = "9.0.0", "9.1.0", "9.2.0", "9.3.0"
"""The installed version; one with a new migration; one that never starts; one that fails after migrating."""
LATER = "9999"
"""The schema of the new migration."""


def with_notes(version: str, note: str) -> Callable[[Path], None]:
    """Return a change that puts a section on top of the changelog."""

    def change(tree: Path) -> None:
        [path] = tree.glob("*.dist-info/extra_metadata/CHANGELOG.md")
        head, rest = path.read_text(encoding="utf-8").split("\n## ", 1)
        path.write_text(f"{head}\n## {version}\n\n- {note}\n\n## {rest}", encoding="utf-8")

    return change


def with_migration(tree: Path) -> None:
    """Add a migration to the newest schema."""
    versions = tree / "server" / "store" / "migrations" / "versions"
    (versions / f"{LATER}_later.py").write_text(
        '"""A table of the future."""\n\nfrom alembic import op\n\n'
        f'revision = "{LATER}"\ndown_revision = "{HEAD}"\nbranch_labels = None\ndepends_on = None\n\n\n'
        'def upgrade() -> None:\n    op.execute("CREATE TABLE later (id INTEGER PRIMARY KEY)")\n',
        encoding="utf-8",
    )
    replace(tree / "server" / "store" / "migrations" / "migrate.py", f'HEAD = "{HEAD}"', f'HEAD = "{LATER}"')


def that_never_starts(tree: Path) -> None:
    """Break the first line of the app's main function."""
    replace(
        tree / "tray" / "main.py",
        "    _have_streams()\n    run_cli(",
        '    sys.exit("broken")\n    run_cli(',
    )


def that_fails_on_the_real_history(tree: Path) -> None:
    """Break the hub's start, after the migration, in any folder but the trial's."""
    replace(
        tree / "tray" / "main.py",
        "    log_to_file(start.settings, start.folders)\n",
        "    log_to_file(start.settings, start.folders)\n"
        '    if not start.folders.data.parent.name.startswith("update-"):\n'
        "        from server.store.database import open_database\n"
        "        open_database(start.folders.database).close_now()\n"
        '        sys.exit("The sky is falling.")\n',
    )


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of this tree by version."""
    require("uv")
    folder = tmp_path_factory.mktemp("wheels")
    changes: dict[str, list[Callable[[Path], None]]] = {
        NOW: [],
        GOOD: [with_notes(GOOD, "Makes toast."), with_migration],
        DEAD: [that_never_starts],
        BROKEN: [with_migration, that_fails_on_the_real_history],
    }
    built = add_compiled(build_wheel(folder))
    return {version: change_wheel(built, version, *each) for version, each in changes.items()}


@pytest.fixture(scope="module")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The versions of this environment, so that nothing newer is downloaded."""
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    frozen = ["uv", "pip", "freeze", "--python", sys.executable, "--exclude-editable"]
    path.write_text(subprocess.run(frozen, capture_output=True, text=True, check=True).stdout)
    return path


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path], constraints: Path
) -> Original:
    """The app as ``uv tool install`` installs it."""
    folder = tmp_path_factory.mktemp("original")
    environ = {
        **os.environ,
        "UV_TOOL_DIR": str(folder / "my tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
    }
    command = ("uv", "tool", "install", "--quiet", "--python", sys.executable, "--constraints", constraints)
    subprocess.run([*command, wheels[NOW]], env=environ, check=True, timeout=600)
    environment = folder / "my tools" / NAME
    lend_compiled(environment)
    installed = with_history(environment, folder / "bin" / "token-saver", folder)
    return Original.keep(installed, tmp_path_factory.mktemp("kept"))


@pytest.fixture
def tool(original: Original, tmp_path: Path) -> Installed:
    """The app as ``uv tool install`` installs it, with compiled modules."""
    restored = original.restore(tmp_path)
    assert has_version(restored.environment, NOW)
    return restored


@pytest.fixture
def in_venv(tmp_path: Path, wheels: dict[str, Path], constraints: Path) -> Installed:
    """The app in a virtual environment of Python's own, with pip."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=600)
    command = ("uv", "pip", "install", "--quiet", "--python", environment, "--constraints", constraints)
    subprocess.run([*command, wheels[NOW]], check=True, timeout=600)
    [metadata] = environment.glob(f"lib/*/site-packages/{NAME.replace('-', '_')}-*.dist-info")
    # uv is faster; the app sees an installation by pip.
    (metadata / "INSTALLER").unlink()
    (metadata / "INSTALLER").write_text("pip\n")
    lend_compiled(environment)
    installed = with_history(environment, environment / "bin" / "token-saver", tmp_path)
    assert (installed.version(), installed.offloads()) == (NOW, OFFLOADS)
    return installed


def test_a_tool_of_uv_is_updated_while_its_hub_runs(
    tool: Installed, wheels: dict[str, Path], tmp_path: Path
) -> None:
    with package_index(tmp_path / "index", [wheels[NOW], wheels[GOOD]]) as index, tool.hub():
        assert tool.hub_version() == NOW
        shown = tool.run("update", "--dry-run", index=index)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith(f"## {GOOD}\n\n- Makes toast.\n")
        assert "Nothing has changed (--dry-run)." in shown.stdout
        assert (tool.version(), tool.hub_version(), tool.is_tidy()) == (NOW, NOW, True)
        asked = tool.run("update", index=index)
        assert (asked.returncode, tool.version()) == (1, NOW)
        assert asked.stderr == (
            "token-saver: update_failed: There is no terminal to ask in. Run `token-saver update --yes`.\n"
        )

        done = tool.run("update", "--yes", index=index)

        assert done.returncode == 0, done.stderr
        assert "It changes the format of the history." in done.stdout
        assert done.stdout.endswith(f"Updated from {NOW} to {GOOD}.\n")
        assert (tool.version(), tool.hub_version(), tool.is_tidy()) == (GOOD, GOOD, True)
        database = tool.home / "history.db"
        assert (schema_of(database), schema_of(backup_path(database))) == (LATER, HEAD)
        assert tool.offloads() == OFFLOADS
        again = tool.run("update", "--yes", index=index)
        assert (again.returncode, again.stdout) == (0, f"token-saver {GOOD} is the newest version.\n")
        older = tool.run("update", "--yes", "--from", wheels[NOW], index=index)
        assert older.returncode == 1
        assert f"{NOW} is older than the installed version {GOOD}." in older.stderr
        assert f"{backup_path(database)} is such a history." in older.stderr


def test_a_virtual_environment_of_pip_is_updated_without_a_hub(
    in_venv: Installed, wheels: dict[str, Path], tmp_path: Path
) -> None:
    with package_index(tmp_path / "index", [wheels[NOW], wheels[GOOD]]) as index:
        done = in_venv.run("update", "--yes", index=index)
    assert done.returncode == 0, done.stderr
    assert (in_venv.version(), in_venv.offloads(), in_venv.is_tidy()) == (GOOD, OFFLOADS, True)
    assert in_venv.hub_version() == "", "no hub ran before"
    first = (in_venv.environment / "bin" / "token-saver").read_bytes().splitlines()[0]
    assert first == b"#!" + os.fsencode(in_venv.environment / "bin" / "python")


def test_a_version_that_never_starts_is_not_installed(
    tool: Installed, wheels: dict[str, Path], tmp_path: Path
) -> None:
    with package_index(tmp_path / "index", [wheels[NOW], wheels[DEAD]]) as index:
        done = tool.run("update", "--yes", index=index)
    assert done.returncode == 1
    said = "The new version does not open your history: broken. Nothing has changed. Report this with the"
    assert said in done.stderr
    assert (tool.version(), tool.offloads(), tool.is_tidy()) == (NOW, OFFLOADS, True)


def test_a_version_that_fails_on_the_real_history_is_replaced_by_the_old_one(
    tool: Installed, wheels: dict[str, Path], tmp_path: Path
) -> None:
    with package_index(tmp_path / "index", [wheels[BROKEN]]) as index, tool.hub():
        done = tool.run("update", "--yes", index=index)
        assert done.returncode == 1
        assert f"Version {BROKEN} did not start: The sky is falling." in done.stderr
        assert f"Version {NOW} is back, with its history." in done.stderr
        assert (tool.version(), tool.hub_version(), tool.is_tidy()) == (NOW, NOW, True)
        assert schema_of(tool.home / "history.db") == HEAD
        assert tool.offloads() == OFFLOADS


MOMENTS: dict[str, Callable[[Installed], bool]] = {
    "while the environment is copied": lambda tool: copy_of(tool.environment).exists(),
    "after the installation into the copy": lambda tool: has_version(copy_of(tool.environment), GOOD),
    "during the trial": lambda tool: any(tool.home.glob("update-*/hub")),
    "after the exchange": lambda tool: has_version(tool.environment, GOOD),
}
EVERY_CUT = os.environ.get("TOKEN_SAVER_TEST_POWER_CUTS") == "all"
"""Whether the power is cut at each of the ``MOMENTS``: the long form."""
CUTS = list(MOMENTS) if EVERY_CUT else ["after the exchange"]


@pytest.mark.parametrize("moment", CUTS, ids=lambda name: name.replace(" ", "-"))
def test_a_power_cut_leaves_a_version_that_starts(
    tool: Installed, wheels: dict[str, Path], tmp_path: Path, moment: str
) -> None:
    with package_index(tmp_path / "index", [wheels[GOOD]]) as index:
        cut_off(tool, index, MOMENTS[moment])
        with tool.hub():
            version = tool.version()
            assert tool.hub_version() == version
            assert version in (NOW, GOOD)
            assert tool.offloads() == OFFLOADS
        done = tool.run("update", "--yes", index=index)
    assert done.returncode == 0, done.stderr
    assert (tool.version(), tool.offloads(), tool.is_tidy()) == (GOOD, OFFLOADS, True)
    connection = sqlite3.connect(tool.home / "history.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def cut_off(tool: Installed, index: str, moment: Callable[[Installed], bool]) -> None:
    """Start an update, and kill it and all its processes at a moment."""
    update = subprocess.Popen([tool.command, "update", "--yes"], env=tool.environ(index), cwd=tool.home)
    wait_until(lambda: moment(tool))
    for process in [psutil.Process(update.pid), *processes_of(tool)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    update.wait(30)


def test_an_older_app_refuses_the_newer_history_with_a_clear_error(tool: Installed) -> None:
    connection = sqlite3.connect(tool.home / "history.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (LATER,))
    connection.close()
    done = tool.run("history")
    assert done.returncode == 1
    database = tool.home / "history.db"
    assert done.stderr == (
        f"token-saver: store_failed: A newer version of Token Saver wrote the history {database} "
        f"(schema {LATER}; this version reads schema {HEAD}). Run `token-saver update`, or set "
        f"TOKEN_SAVER_HOME to another folder. The file is unchanged. {backup_path(database)} is the history "
        "from before the last update.\n"
    )


def test_the_app_in_a_checkout_says_how_to_update_it() -> None:
    command = [sys.executable, "-P", "-m", "tray.main", "update", "--yes"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "This app runs from the source folder" in done.stderr
    assert done.stderr.endswith("Update this folder, such as by `git pull`, then run `uv sync` in it.\n")


def has_version(environment: Path, version: str) -> bool:
    return any(environment.glob(f"lib/*/site-packages/{NAME.replace('-', '_')}-{version}.dist-info/RECORD"))


def processes_of(tool: Installed) -> list[psutil.Process]:
    """Return the processes that run from the environment, its copy, or in the app's folder."""
    folders = [str(each) for each in (tool.environment, copy_of(tool.environment), tool.home)]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join((*process.cmdline(), process.cwd()))
            if any(folder in words for folder in folders):
                found.append(process)
    return found
