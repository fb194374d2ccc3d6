"""Wheels of later versions of the app, some of them broken, for tests of ``token-saver update``."""

from collections.abc import Callable
from pathlib import Path

from server.common.distribution import NAME
from server.store.migrations.migrate import HEAD
from tests.packaging.compiled_modules import add_compiled
from tests.packaging.wheels import build_wheel, change_wheel

NOW, GOOD, DEAD, BROKEN = "9.0.0", "9.1.0", "9.2.0", "9.3.0"
"""The installed version; one with a new migration; one that never starts; one that fails after migrating."""
LATER = "9999"
"""The schema of the new migration."""


def wheels_by_version(folder: Path) -> dict[str, Path]:
    """Build wheels of this tree as of several versions."""
    changes: dict[str, list[Callable[[Path], None]]] = {
        NOW: [],
        GOOD: [with_notes(GOOD, "Makes toast."), with_migration],
        DEAD: [that_never_starts],
        BROKEN: [with_migration, that_fails_on_the_real_history],
    }
    built = add_compiled(build_wheel(folder))
    return {version: change_wheel(built, version, *each) for version, each in changes.items()}


def has_version(environment: Path, version: str) -> bool:
    return any(environment.glob(f"lib/*/site-packages/{NAME.replace('-', '_')}-{version}.dist-info/RECORD"))


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
