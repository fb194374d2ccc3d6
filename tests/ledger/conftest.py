"""Fixtures: a history, a ledger and a transcript check for one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.config.sections import LedgerSettings, SavingsSettings
from server.ledger.prices import load_prices
from server.ledger.receipt import Ledger
from server.ledger.transcripts.check import TranscriptCheck
from server.store.history import History
from tests.new_database import copy_new_database


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    copy_new_database(tmp_path / "history.db")
    opened = await History.open(tmp_path / "history.db")
    yield opened
    await opened.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(LedgerSettings(model="claude-opus-5.5"), load_prices(), definitions_tokens=1000)


@pytest.fixture
def check(history: History, ledger: Ledger, tmp_path: Path) -> TranscriptCheck:
    return TranscriptCheck(SavingsSettings(audit=True, transcripts=str(tmp_path)), history.database, ledger)
