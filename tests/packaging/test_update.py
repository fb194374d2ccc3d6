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
from tests.packaging.compiled_modules import lend_compiled
from tests.packaging.installed import OFFLOADS, Installed, Original, wait_until, with_history
from tests.packaging.releases import BROKEN, DEAD, GOOD, LATER, NOW, has_version
from tests.packaging.wheels import package_index

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="on Windows, `update` says what to do"),
    pytest.mark.timeout(1200),
]


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
            "token-saver: The update needs your confirmation, but standard input is not a terminal. Run "
            "`token-saver update --yes`. (update_failed)\n"
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
        f"token-saver: A newer version of Token Saver wrote the history {database} "
        f"(schema {LATER}; this version reads schema {HEAD}). Run `token-saver update`, or set "
        f"TOKEN_SAVER_HOME to another folder. The file is unchanged. {backup_path(database)} is the history "
        "from before the last update. (store_failed)\n"
    )


def test_the_app_in_a_checkout_says_how_to_update_it() -> None:
    command = [sys.executable, "-P", "-m", "tray.main", "update", "--yes"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "This app runs from the source folder" in done.stderr
    assert done.stderr.endswith(
        "Update this folder, such as by `git pull`, then run `uv sync` in it. (update_failed)\n"
    )


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
