"""Files of version 0.1.0, opened unchanged: history, audit trail, settings, policy (``tests/data/0.1.0``)."""

import asyncio
import gzip
import shutil
import sqlite3
from pathlib import Path

import pytest

from server.config.folders import find_folders
from server.config.settings import load_settings
from server.policy.approvals import granted_in_project
from server.policy.limits import counter_reader
from server.policy.rules.detect_format import parse_policy
from server.policy.trail import Trail
from server.policy.values import Call, Window
from server.store.history import History
from server.store.jobs import Jobs
from server.store.measurements import Measurements
from server.store.records import OffloadFilter, OffloadRow
from tests.forks import program
from tests.hub_process import start_hub
from tests.mcp_clients import bridge_client, text_of

FILES = Path(__file__).parent / "data" / "0.1.0"
PROJECT = "/home/ada/project"
WRITTEN_AT = 1_796_030_108.0
DAY = 86_400
# Tool, outcome, tokens of the prompt and of the answer, net tokens, net micro-dollars; oldest first.
ROWS = (
    ("offload_work", "delivered", 203, 83, -469, -5194),
    ("offload_work", "delivered", 221, 20, -474, -5333),
    ("offload_work", "returned", 940, 13, 625, 2282),
    ("offload_work", "handed_back", 654, 24, -445, -4766),
    ("compress_context", "returned", 236, 20, 18984, 131276),
    ("offload_work", "delivered", 963, 11, -462, -5106),
    ("batch_offload", "denied", 0, 0, -449, -5171),
    ("batch_offload", "delivered", 221, 20, -111, -1192),
    ("batch_offload", "delivered", 221, 20, -112, -1201),
    ("batch_offload", "handed_back", 765, 30, -130, -1429),
    ("batch_offload", "delivered", 221, 20, -113, -1221),
    ("batch_offload", "delivered", 188, 83, -167, -1429),
    ("batch_offload", "delivered", 1045, 13, -150, -1960),
    ("offload_work", "delivered", 191, 83, 0, 0),
    ("batch_offload", "cancelled", 0, 0, 0, 0),
    ("batch_offload", "cancelled", 0, 0, 0, 0),
    ("batch_offload", "cancelled", 0, 0, 0, 0),
    ("offload_work", "interrupted", 0, 0, 0, 0),
)


@pytest.fixture
def home(token_saver_home: Path) -> Path:
    """The app's folder as version 0.1.0 left it."""
    token_saver_home.mkdir()
    for path in FILES.iterdir():
        if path.suffix == ".gz":
            (token_saver_home / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        else:
            shutil.copyfile(path, token_saver_home / path.name)
    return token_saver_home


@pytest.mark.anyio
async def test_offloads_keep_their_figures(home: Path) -> None:
    history = await History.open(home / "history.db")
    try:
        rows = (await history.page(OffloadFilter(), limit=100))[::-1]
        details = [await history.get(row.id) for row in rows]
        totals = await history.totals()
        found = await history.page(OffloadFilter(search="unbalanced"), limit=10)
    finally:
        await history.close()
    assert history.notice == ""
    assert tuple(_figures(row) for row in rows) == ROWS
    assert [row.id for row in rows if row.undone] == ["bd4209db"]
    assert [row.id for row in found] == ["33da25f4"]
    # The totals include the two rows that retention had removed.
    assert (totals.offloads, totals.delivered, totals.denied, totals.interrupted) == (20, 11, 1, 1)
    assert (totals.net_tokens, totals.net_microusd) == (17_113, 115_556)
    assert (totals.audited, totals.audited_net_tokens) == (2, -789)
    whole = [detail for detail in details if detail is not None]
    assert sum(len(detail.attempts) for detail in whole) == 17
    assert sum(len(detail.files) for detail in whole) == 22
    [documented] = [detail for detail in whole if detail.row.id == "dd8751bb"]
    assert '+    """Return one."""' in documented.diff
    assert documented.arguments == {
        "task": "Add docstrings",
        "files": ["src/mod_0.py"],
        "output": "src/mod_0.py",
    }
    assert documented.audit is not None
    assert documented.receipt is not None
    assert documented.receipt.net_tokens == documented.row.net_tokens


@pytest.mark.anyio
async def test_batches_and_measurements_are_kept(home: Path) -> None:
    history = await History.open(home / "history.db")
    try:
        jobs = {job.id: job for job in await Jobs(history.database).page()}
        items = {job: await Jobs(history.database).items(job) for job in jobs}
        [measured] = await Measurements(history.database).since(0)
    finally:
        await history.close()
    assert {job.id: job.state for job in jobs.values()} == {
        "j8bcdfa4e": "done",
        "jb0c1f0e1": "done",
        "jc9fd49ff": "paused",
    }
    assert jobs["jb0c1f0e1"].sequential
    assert [job.id for job in jobs.values() if job.user_locked] == ["jc9fd49ff"], (
        "only the user can resume it"
    )
    assert [item.state for item in items["j8bcdfa4e"]] == [
        "delivered",
        "delivered",
        "handed_back",
        "delivered",
    ]
    assert [item.net_tokens for item in items["j8bcdfa4e"]] == [-81, -82, -100, -83]
    assert [item.state for item in items["jc9fd49ff"]] == ["waiting"] * 3
    assert (measured.model, measured.prompt_rate, measured.generate_rate) == (
        "qwen2.5-coder:0.5b",
        812.5,
        61.25,
    )
    assert {chore.name: chore.passed for chore in measured.chores} == {"slugify": True, "docstring": False}


@pytest.mark.anyio
async def test_the_policy_keeps_its_rules_approvals_counters_and_trail(home: Path) -> None:
    policy = parse_policy((home / "policy.yaml").read_text(encoding="utf-8"), "policy.yaml")
    rules = {rule.name: rule for group in policy.tools.values() for rule in group}
    assert set(rules) == {"not too fast", "docs need a person", "many files", "models are mine"}
    assert policy.hide == {"auto_setup"}
    history = await History.open(home / "history.db")
    trail = Trail(history.database, home / "trail.head")
    try:
        await trail.open()
        checked = await trail.verify()
        call = Call(tool="offload_work", arguments={"output": "docs/guide.md"}, project=PROJECT)
        granted = await history.database.read(
            lambda connection: granted_in_project(connection, call, rules["docs need a person"])
        )
        counted = await history.database.read(
            lambda connection: counter_reader(connection)(
                "offload_work._rate_day", Window(DAY), Window(DAY).start(WRITTEN_AT)
            )
        )
    finally:
        await trail.close()
        await history.close()
    assert (checked.rows, checked.problem) == (38, "")
    assert granted
    assert counted == 7


def test_the_settings_are_read(home: Path) -> None:
    settings = load_settings(find_folders())
    assert (settings.port, settings.log_level, settings.appearance) == (7391, "warning", "dark")
    assert settings.roots == (Path(PROJECT),)
    assert (settings.backend.model, settings.backend.keep_alive) == ("qwen2.5-coder:0.5b", "30m")
    assert (settings.offload.max_file_bytes, settings.offload.repair_rounds) == (500_000, 1)
    assert (settings.batch.max_items, settings.batch.max_hours) == (200, 8.0)
    assert (settings.ledger.unit, settings.ledger.quota_dollars) == ("quota", 40.0)
    assert settings.savings.audit
    assert settings.paths.protect == (".env*", "*.pem", "deploy/*")
    assert (settings.yielding.yield_share, settings.yielding.yield_unload) == (0.4, False)
    assert not settings.tray.notify_pause
    assert set(settings.checks) == {"compiles", "lint all"}


def test_a_hub_starts_on_them_and_obeys_the_policy(home: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()

    async def ask(environ: dict[str, str]) -> tuple[str, list[str]]:
        async with bridge_client(environ, tmp_path / "project") as client:
            said = text_of(await client.call_tool("preload_model", {"model": "m"}))
            return said, [tool.name for tool in (await client.list_tools()).tools]

    with start_hub(home) as hub:
        said, tools = asyncio.run(ask(hub.environ))
        shown = _token_saver(hub.environ, "history", "bd4209db")
    assert said.startswith("denied: Only the user loads models.")
    assert "auto_setup" not in tools
    assert "slug.py: +6 -0 (new) lines; slugify." in shown
    connection = sqlite3.connect(home / "history.db")
    [(kept,)] = connection.execute("SELECT count(*) FROM offload").fetchall()
    connection.close()
    assert kept == len(ROWS)


def _figures(row: OffloadRow) -> tuple[str, str, int, int, int, int]:
    return (
        row.tool,
        row.outcome,
        row.prompt_tokens,
        row.completion_tokens,
        row.net_tokens,
        row.net_microusd,
    )


def _token_saver(environ: dict[str, str], *arguments: str) -> str:
    return program.run(*arguments, env=environ, check=True).stdout
