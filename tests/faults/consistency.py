"""Consistency check after faults: files, history, ledger, batches and audit trail agree, nothing is lost."""

import contextlib
import sqlite3
import time
from pathlib import Path

from server.policy.trail import read_head, verify
from server.store.database import open_database
from server.store.queries import read_totals
from tests.faults.campaign import Told
from tests.faults.scene import FaultScene

SETTLE_SECONDS = 180.0
OWN = frozenset({".git", ".claude"})
"""Hidden folders that the project has from the start."""

CHECKS = (
    "the hub answers again, and every batch and every offload has an end",
    "every file that a client was told is written holds exactly what was promised, after one more start, too",
    "every other file holds what was there before or what was asked for, whole; nothing was left beside it",
    "the history says delivered for the files that are new, and for no others",
    "the ledger's sums are those of its rows",
    "the audit trail's chain verifies to its end",
)
"""The checks of ``find_faults``."""


async def find_faults(scene: FaultScene, told: Told) -> list[str]:
    """Let interrupted work finish, then return everything that is wrong."""
    reply = scene.call("list_loaded_models", {})
    found = [] if not (reply.lost or reply.is_error) else [f"the hub did not come back: {reply.text}"]
    found += _wait_for_jobs(scene.home / "history.db")
    found += _wait_for_offloads(scene.home / "history.db")
    _end_hub(scene)
    # A start must not roll back promised content, so check after another start.
    scene.call("list_loaded_models", {})
    _end_hub(scene)
    found += _files(scene.project, told)
    found += await _books(scene.home, scene.project, told)
    return found


def _end_hub(scene: FaultScene) -> None:
    hub = scene.hub()
    if hub is not None:
        hub.terminate()
        hub.wait(120)


def _wait_for_jobs(path: Path) -> list[str]:
    found = _wait_for_none(path, "SELECT id FROM job WHERE state = 'running'")
    return [f"job {job} did not end" for job in found]


def _wait_for_offloads(path: Path) -> list[str]:
    found = _wait_for_none(path, "SELECT id FROM offload WHERE outcome = 'running'")
    found += _wait_for_none(path, "SELECT job_id || '/' || position FROM job_item WHERE state = 'running'")
    return [f"{each} is still running" for each in found]


def _wait_for_none(path: Path, query: str) -> list[str]:
    """Wait until the query finds nothing; return what it finds after the time limit."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            found = [str(row[0]) for row in connection.execute(query)]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def _files(project: Path, told: Told) -> list[str]:
    hidden = sorted(
        path.name for path in project.iterdir() if path.name.startswith(".") and path.name not in OWN
    )
    found = [f"{name} was left behind" for name in hidden]
    for name, possible in told.possible.items():
        path = project / name
        text = path.read_text() if path.exists() else None
        if text not in possible:
            found.append(f"{name} holds {text!r}")
        if name in told.promised and text != told.promised[name]:
            found.append(f"{name} was promised, and is {'not there' if text is None else 'the old one'}")
    return found


async def _books(home: Path, project: Path, told: Told) -> list[str]:
    database = open_database(home / "history.db")
    try:
        rows = await database.read(
            lambda connection: connection.exec_driver_sql(
                "SELECT output, outcome, net_tokens, job_id, undone FROM offload"
            ).all()
        )
        totals = await database.read(lambda connection: read_totals(connection, None))
        chain = await database.read(lambda connection: verify(connection, read_head(home / "trail.head")))
    finally:
        await database.close()
    found = []
    delivered = {Path(row.output).name for row in rows if row.outcome == "delivered" and not row.undone}
    for name, possible in told.possible.items():
        before = next((each for each in possible if each is None or each == "VALUE = 0\n"), None)
        path = project / name
        new = path.exists() and path.read_text() != before
        if new != (name in delivered):
            found.append(f"{name}: the history says {'delivered' if name in delivered else 'not delivered'}")
    if sum(row.net_tokens for row in rows) != totals.net_tokens:
        found.append("the sums are not those of the rows")
    if chain.problem:
        found.append(f"the audit trail: {chain.problem}")
    return found
