"""Tests of the audit trail: it shows every edit, gap, reordering and cut; expiry keeps it intact."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from server.policy.trail import Trail, TrailEntry, Verification, append, export_lines, verify_lines
from server.policy.values import Call
from server.store.database import open_database
from tests.policy.conftest import GateHarness, Run


async def fill(harness: GateHarness, rows: int, at: float = 0.0) -> None:
    database = await asyncio.to_thread(open_database, harness.folders.database)
    trail = Trail(database, harness.head_file)
    for number in range(rows):
        entry = TrailEntry(
            "decision", f"row {number}", "offload_work", "c", "s", "/p", "allow", {"n": number}
        )
        record = await database.write(
            lambda connection, entry=entry, number=number: append(connection, entry, at + number)
        )
        trail.wrote(record)
    await trail.close()
    await database.close()


async def verified(harness: GateHarness) -> Verification:
    database = await asyncio.to_thread(open_database, harness.folders.database)
    try:
        return await Trail(database, harness.head_file).verify()
    finally:
        await database.close()


def tamper(harness: GateHarness, *statements: str) -> None:
    connection = sqlite3.connect(harness.folders.database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.fast
def test_an_unchanged_trail_is_intact(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 20))
    assert run(verified(harness)) == Verification(20, 1, 20)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["UPDATE trail SET verdict = 'deny' WHERE seq = 7"], "Row 7 was changed"),
        (["UPDATE trail SET text = 'row 6 ' WHERE seq = 7"], "Row 7 was changed"),
        (["UPDATE trail SET at = at + 1 WHERE seq = 7"], "Row 7 was changed"),
        (["UPDATE trail SET details = '{}' WHERE seq = 7"], "Row 7 was changed"),
        (["UPDATE trail SET hash = 'f' || substr(hash, 2) WHERE seq = 20"], "Row 20 was changed"),
        (["DELETE FROM trail WHERE seq = 7"], "Row 7 is missing"),
        (["DELETE FROM trail WHERE seq BETWEEN 7 AND 9"], "Row after 6 is missing"),
        (["DELETE FROM trail WHERE seq = 1"], "Row 1 is missing"),
        (
            [
                "UPDATE trail SET seq = 99 WHERE seq = 7",
                "UPDATE trail SET seq = 7 WHERE seq = 8",
                "UPDATE trail SET seq = 8 WHERE seq = 99",
            ],
            "Row 7 was changed",
        ),
        (["DELETE FROM trail WHERE seq > 15"], "20 rows were written, but the last row here is 15"),
        (
            [
                "DELETE FROM trail WHERE seq > 15",
                "UPDATE trail_end SET seq = 15, hash = (SELECT hash FROM trail WHERE seq = 15)",
            ],
            "20 rows were written, but the last row here is 15",
        ),
        (["DELETE FROM trail"], "20 rows were written"),
        (
            [
                "INSERT INTO trail SELECT 21, at, kind, tool, client, session, project, verdict, text, "
                "details, hash FROM trail WHERE seq = 20"
            ],
            "Row 21 was changed",
        ),
    ],
)
def test_tampering_is_detected(harness: GateHarness, run: Run, statements: list[str], words: str) -> None:
    run(fill(harness, 20))
    tamper(harness, *statements)
    assert words in run(verified(harness)).problem


def test_trail_head_reveals_a_forged_chain(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 20))
    head = harness.head_file.read_text()
    tamper(
        harness,
        "DELETE FROM trail WHERE seq > 10",
        "UPDATE trail_end SET seq = 10, hash = (SELECT hash FROM trail WHERE seq = 10)",
    )
    run(fill(harness, 10, at=500.0))
    harness.head_file.write_text(head)
    assert "Row 20 was rewritten" in run(verified(harness)).problem


def test_a_missing_trail_head_is_reported(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 3))
    harness.head_file.unlink()
    assert "trail.head is missing" in run(verified(harness)).problem


def test_an_unwritable_trail_head_stops_nothing(harness: GateHarness, run: Run) -> None:
    harness.head_file.mkdir(parents=True)
    run(fill(harness, 2))
    assert run(verified(harness)).problem.startswith("trail.head is missing")
    harness.head_file.rmdir()
    run(fill(harness, 1))
    assert run(verified(harness)) == Verification(3, 1, 3)


def test_rows_lost_between_two_starts_are_recorded(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 20))
    tamper(harness, "DELETE FROM trail", "DELETE FROM trail_end")

    async def story() -> str:
        async with harness.gate() as gate:
            return (await gate.trail.search(kind="trail"))[0].text

    assert run(story()) == "20 rows at the end are missing: 20 were written."


@pytest.mark.fast
def test_expiry_leaves_a_chain_that_verifies(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 20, at=1000.0))

    async def story() -> None:
        async with harness.gate() as gate:
            await gate.trail.record(TrailEntry("pause", "young"))
            assert await gate.trail.prune(days=30) == 20
            assert await gate.trail.prune(days=30) == 0
            found = await gate.trail.verify()
            assert found == Verification(2, 21, 22)
            assert [record.seq for record in await gate.trail.search()] == [22, 21]

    run(story())
    tamper(harness, "UPDATE trail SET text = 'x' WHERE seq = 21")
    assert "Row 21 was changed" in run(verified(harness)).problem


def test_search_covers_every_field_and_pages(harness: GateHarness, run: Run) -> None:
    run(fill(harness, 20))

    async def story() -> None:
        async with harness.gate() as gate:
            found = await gate.trail.search("row 1", limit=3)
            assert [record.seq for record in found] == [20, 19, 18]
            more = await gate.trail.search("row 1", limit=3, before=found[-1].seq)
            assert [record.seq for record in more] == [17, 16, 15]
            assert await gate.trail.search("100%") == ()

    run(story())


def test_calls_without_a_rule_can_be_left_out(harness: GateHarness, run: Run) -> None:
    harness.write_policy('version: "1"\ntools:\n  ruled:\n    rules: [{name: five, rate_limit: 5/minute}]\n')

    async def story() -> None:
        async with harness.gate() as gate:
            for tool in ("ruled", "other"):
                async with gate.enter(Call(tool, client="c")):
                    pass
            everything = await gate.trail.search()
            assert {"ruled", "other"} <= {row.tool for row in everything}
            assert [row for row in everything if row.tool != "other"] == list(
                await gate.trail.search(ruled=True)
            )

    run(story())


def test_an_export_can_be_verified_on_its_own(harness: GateHarness, run: Run, tmp_path: Path) -> None:
    run(fill(harness, 5))

    async def story() -> list[str]:
        async with harness.gate() as gate:
            return await gate._database.read(lambda connection: list(export_lines(connection)))

    lines = run(story())
    assert verify_lines(iter(lines)) == Verification(5, 1, 5)
    assert json.loads(lines[1])["details"] == {"n": 0}
    lines[3] = lines[3].replace("row 2", "row 3")
    assert "Row 3" in verify_lines(iter(lines)).problem
    with pytest.raises(ValueError, match="not the start"):
        verify_lines(iter(["{}"]))


def test_invalid_unicode_is_kept(harness: GateHarness, run: Run) -> None:
    async def story() -> None:
        async with harness.gate() as gate:
            await gate.trail.record(TrailEntry("pause", "bad \udcff name", project="/p/\udcff"))
            assert (await gate.trail.verify()).problem == ""

    run(story())
