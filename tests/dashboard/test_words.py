"""What the pages say, computed without a page: state, memory, addresses, settings, a task to run again."""

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.app_status import headline, to_fetch
from dashboard.components.batches.batch_card import state_of
from dashboard.history_address import HistoryAddress
from dashboard.memory_use import pools
from dashboard.pages.models import fetchable
from dashboard.run_again import can_run_again, task_of
from dashboard.setting_sources import list_settings
from server.backends.base import Capabilities, InstalledModel, LoadedModel
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.engine.view import EngineView
from server.models.hardware import Gpu, GpuProcess, Machine
from server.offload.asking.profitability import arguments_of
from server.state.snapshot import ModelActivity, RunningOffload, Snapshot
from server.store.records import OffloadDetail, OffloadRow

pytestmark = pytest.mark.fast

GIB = 2**30
OLLAMA = EngineView("ollama", "Ollama", "http://127.0.0.1:11434", Capabilities(), (InstalledModel("m"),), ())
REST = Snapshot("1", "", "idle", 0.0, OLLAMA)
RUN = RunningOffload("1", "offload_work", "Do it", "claude-code", "a.py", "m", 0.0, "generate")


@pytest.mark.parametrize(
    ("snapshot", "word", "has_next_step"),
    [
        (REST, "Idle", False),
        (replace(REST, engine=replace(OLLAMA, loaded=(LoadedModel("m"),))), "Ready", False),
        (replace(REST, engine=replace(OLLAMA, installed=())), "No model", True),
        (replace(REST, engine=replace(OLLAMA, error="It is gone. Start it.")), "Engine trouble", True),
        (
            replace(REST, engine=EngineView("", "", "", Capabilities(), error="None. Start one.")),
            "No engine",
            True,
        ),
        (replace(REST, running=(RUN,)), "Working", False),
        (replace(REST, running=(replace(RUN, stage="queue"),)), "Working", False),
        (replace(REST, activities=(ModelActivity("m", "download"),)), "Downloading", False),
        (replace(REST, activities=(ModelActivity("m", "measure", 3, 20),)), "Measuring", False),
        (replace(REST, running=(RUN,), paused_until=0.0), "Paused", True),
        (replace(REST, paused_until=0.0, giving_way="game.exe runs full-screen."), "Paused", True),
    ],
)
def test_the_state_in_a_word(snapshot: Snapshot, word: str, has_next_step: bool) -> None:
    said = headline(snapshot)
    assert said.word == word
    assert bool(said.next_step) == has_next_step


def test_a_model_that_has_to_be_fetched_first_is_named_with_its_size() -> None:
    name = "qwen2.5-coder-1.5b"
    engine = EngineView(
        "embedded", "Embedded llama.cpp", "", Capabilities(run_by_app=True), default_model=name
    )
    assert to_fetch(engine) == f"{name} (1.0 GiB)"
    assert to_fetch(engine) in headline(replace(REST, engine=engine)).detail
    there = replace(engine, installed=(InstalledModel(name),))
    assert to_fetch(there) == to_fetch(OLLAMA) == ""
    assert "loads one" in headline(replace(REST, engine=there)).detail


def test_what_can_be_fetched_is_named() -> None:
    assert "qwen2.5-coder-1.5b" in fetchable(Capabilities(run_by_app=True))
    assert "such as qwen2.5-coder:7b" in fetchable(Capabilities())


def test_a_pause_to_give_way_says_why() -> None:
    paused = replace(REST, paused_until=0.0, giving_way="game.exe runs full-screen. Work resumes on its own.")
    assert headline(paused).detail == "game.exe runs full-screen. Work resumes on its own."


def test_the_state_counts_what_runs_and_what_waits() -> None:
    busy = replace(
        REST, running=(RUN, replace(RUN, id="2", stage="queue"), replace(RUN, id="3", stage="queue"))
    )
    assert headline(busy).detail == "1 running, 2 waiting"


def test_a_batch_that_ended_with_failures_is_not_shown_as_well_done() -> None:
    assert state_of("done", 0) == ("Done", "check_circle", "done")
    assert state_of("done", 5) == ("Done, 5 failed", "error", "wrong")
    assert state_of("running", 5)[0] == "Running"


def test_a_model_in_ram_is_shown_in_ram() -> None:
    machine = Machine(ram_total=16 * GIB, ram_available=8 * GIB, cores=4)
    [ram] = pools(machine, [LoadedModel("m", size=5 * GIB)])
    assert [(part.kind, part.size // GIB) for part in ram.parts] == [("model", 5), ("other", 3), ("free", 8)]
    assert ram.used == 8 * GIB


def test_a_model_that_is_mapped_from_its_file_takes_nothing_from_other_programs() -> None:
    [before] = pools(Machine(16 * GIB, 14 * GIB, 4), [])
    # 4 GiB of weights are in the page cache, which counts as available; 1 GiB is the engine's own.
    machine = Machine(16 * GIB, 13 * GIB, 4, engine_ram=1 * GIB)
    [after] = pools(machine, [LoadedModel("m", size=5 * GIB)])
    assert [(part.kind, part.size // GIB) for part in before.parts] == [("other", 2), ("free", 14)]
    assert [(part.kind, part.size // GIB) for part in after.parts] == [
        ("model", 5),
        ("other", 2),
        ("free", 9),
    ]


def test_a_model_that_spills_is_shown_in_both_memories() -> None:
    gpu = Gpu("RTX", "nvidia", total=8 * GIB, free=1 * GIB)
    machine = Machine(16 * GIB, 10 * GIB, 4, (gpu,))
    vram, ram = pools(machine, [LoadedModel("m", size=9 * GIB, size_vram=6 * GIB)])
    assert [(part.kind, part.size // GIB) for part in vram.parts] == [("model", 6), ("other", 1), ("free", 1)]
    assert [(part.kind, part.size // GIB) for part in ram.parts] == [("model", 3), ("other", 3), ("free", 10)]


def test_each_gpu_has_its_bar_with_the_part_that_the_engine_holds_there() -> None:
    gpus = (
        Gpu("A", "nvidia", 8 * GIB, 1 * GIB, processes=(GpuProcess(1, "ollama", 6 * GIB),)),
        Gpu(
            "B",
            "nvidia",
            8 * GIB,
            2 * GIB,
            processes=(GpuProcess(1, "ollama", 3 * GIB), GpuProcess(2, "game", 3 * GIB)),
        ),
    )
    first, second = pools(Machine(16 * GIB, 10 * GIB, 4, gpus), [LoadedModel("m", 9 * GIB, 9 * GIB)])
    assert (first.name, second.name) == ("GPU 0: A", "GPU 1: B")
    assert [(part.kind, part.size // GIB) for part in first.parts] == [
        ("model", 6),
        ("other", 1),
        ("free", 1),
    ]
    assert [(part.kind, part.size // GIB) for part in second.parts] == [
        ("model", 3),
        ("other", 3),
        ("free", 2),
    ]


def test_a_silent_driver_counts_as_free() -> None:
    gpus = (Gpu("A", "amd", 8 * GIB, None),)
    [pool] = pools(Machine(16 * GIB, 10 * GIB, 4, gpus), [LoadedModel("m", 6 * GIB, 6 * GIB)])
    assert [(part.kind, part.size // GIB) for part in pool.parts] == [("model", 6), ("free", 2)]


@given(
    total=st.integers(1, 2**40),
    free=st.integers(0, 2**40),
    sizes=st.lists(st.integers(0, 2**41), max_size=4),
    held=st.none() | st.integers(0, 2**41),
)
def test_no_stretch_of_a_bar_is_negative(total: int, free: int, sizes: list[int], held: int | None) -> None:
    loaded = [LoadedModel(f"m{at}", size) for at, size in enumerate(sizes)]
    for pool in pools(Machine(total, free, 1, engine_ram=held), loaded):
        assert all(part.size >= 0 for part in pool.parts)


@given(
    st.dictionaries(
        st.sampled_from(["q", "outcome", "model", "project", "before", "time"]), st.text(max_size=20)
    )
)
def test_an_address_reads_back_what_it_wrote(query: dict[str, str]) -> None:
    from urllib.parse import parse_qsl, urlsplit

    address = HistoryAddress.read(query)
    again = HistoryAddress.read(dict(parse_qsl(urlsplit(address.url).query)))
    assert again == address


def test_an_address_as_a_filter() -> None:
    today = datetime.date(2026, 11, 21)
    found = HistoryAddress(q="slug", outcome="failed", time="7d", before="x").filter(today)
    assert (found.search, found.outcome) == ("slug", "failed")
    assert found.since is not None
    assert datetime.datetime.fromtimestamp(found.since).date() == datetime.date(2026, 11, 15)  # noqa: DTZ006
    assert HistoryAddress(time="tomorrow").filter(today).since is None
    assert not HistoryAddress(before="x").filters


def test_every_setting_says_where_its_value_comes_from(
    token_saver_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_saver_home.mkdir()
    (token_saver_home / "config.toml").write_text(
        "[offload]\nrepair_rounds = 1\n[backend]\napi_key = 'secret'\n"
    )
    monkeypatch.setenv("TOKEN_SAVER_BACKEND__SLOTS", "2")
    folders = find_folders()
    listed = {f"{each.section}.{each.name}": each for each in list_settings(load_settings(folders), folders)}
    assert listed["offload.repair_rounds"].source == "file"
    assert listed["backend.slots"].source == "environment"
    assert listed["backend.slots"].value == "2"
    assert listed["history.days"].source == "default"
    assert listed["backend.api_key"].value == "set"
    assert "secret" not in repr(listed)
    assert listed[".port"].variable == "TOKEN_SAVER_PORT"


def test_a_task_of_the_history_is_the_task_again() -> None:
    row = OffloadRow(
        *("1", 0.0, 1.0, "offload_work", "Do it", "claude-code", "/p", "a.py", "delivered", "", "", "m"),
        *(1, 1, 1.0, 1, 1, False),
    )
    said = {"task": "Do it", "files": ["a.py"], "output": "a.py", "output_format": "diff", "check": "test"}
    detail = OffloadDetail(row, said, "", None, "", "", {}, (), (), None, None)
    assert arguments_of(task_of(detail, "other")) == {**said, "model": "other"}
    assert can_run_again(detail)
    assert not can_run_again(replace(detail, arguments={}))
