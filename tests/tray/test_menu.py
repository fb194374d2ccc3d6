"""The menu, the icon's face and the tooltip for all relevant snapshots."""

from dataclasses import replace

import pytest

from server.backends.base import Capabilities, InstalledModel, LoadedModel
from server.common.events import ApprovalRequested
from server.engine.view import EngineView
from server.state.snapshot import ModelActivity, RunningOffload, Snapshot
from server.store.records import Totals
from tray.batches import Batch
from tray.icon_drawing import Face
from tray.icon_state import face
from tray.menu import SEPARATOR, Action, MenuEntry, Pending, SystemState, build_menu, tooltip

pytestmark = pytest.mark.fast

NOW = 1_790_000_000.0
OLLAMA = Capabilities(load=True, unload=True, list_loaded=True, pull=True, keep_alive=True)
SMALL = InstalledModel("smollm2:135m", size=145_000_000)
CODER = InstalledModel("qwen2.5-coder:1.5b", size=1_117_320_736)
CODER_LOADED = LoadedModel(CODER.name, size=1_900_000_000, size_vram=1_900_000_000, expires_at=NOW + 541)
ENGINE = EngineView("ollama", "Ollama 0.33", "http://127.0.0.1:11434", OLLAMA, installed=(CODER, SMALL))
IDLE = Snapshot("0.1.0", "http://127.0.0.1:7283", "idle", NOW, ENGINE)
LOADED = replace(IDLE, state="loaded", engine=replace(ENGINE, loaded=(CODER_LOADED,)))
TASK = RunningOffload("01A", "offload_work", "Write  docstrings", "claude-code", "a.py", "", NOW, "generate")
WORKING = replace(LOADED, state="working", running=(TASK,))
GONE = replace(
    IDLE,
    state="error",
    engine=replace(ENGINE, installed=(), error="Ollama at 127.0.0.1:11434 does not answer. Start it."),
)


def labels(snapshot: Snapshot) -> list[str]:
    return [entry.label for entry in build_menu(snapshot, SystemState(autostart=False))]


def entry(snapshot: Snapshot, start: str) -> MenuEntry:
    return next(
        each for each in build_menu(snapshot, SystemState(autostart=False)) if each.label.startswith(start)
    )


def test_the_whole_menu_of_an_idle_app() -> None:
    assert build_menu(IDLE, SystemState(True, (("claude-code", True), ("cursor", False)))) == (
        MenuEntry("No model loaded"),
        SEPARATOR,
        MenuEntry("Open dashboard", Action("open"), default=True),
        SEPARATOR,
        MenuEntry(
            "Load",
            children=(
                MenuEntry("qwen2.5-coder:1.5b (1.1 GB)", Action("load", CODER.name), checked=False),
                MenuEntry("smollm2:135m (145 MB)", Action("load", SMALL.name), checked=False),
            ),
        ),
        MenuEntry(
            "Pause offloading",
            children=(
                MenuEntry("15 minutes", Action("pause", "900")),
                MenuEntry("1 hour", Action("pause", "3600")),
                MenuEntry("Until I resume", Action("pause", "0")),
            ),
        ),
        SEPARATOR,
        MenuEntry("0 tokens saved today (net)"),
        SEPARATOR,
        MenuEntry(
            "Connect",
            children=(
                MenuEntry("claude-code", Action("connect", "claude-code"), checked=True),
                MenuEntry("cursor", Action("connect", "cursor"), checked=False),
            ),
        ),
        MenuEntry("Start at login", Action("autostart"), checked=True),
        MenuEntry("About Claude Token Saver 0.1.0", Action("about")),
        MenuEntry("Quit", Action("quit")),
    )


def test_a_loaded_model_shows_its_size_and_remaining_time() -> None:
    assert labels(LOADED)[0] == "qwen2.5-coder:1.5b · 1.9 GB · 10 min left"
    assert entry(LOADED, "Load").children[0].checked is True
    assert entry(LOADED, "Unload").action == Action("unload", CODER.name)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (LoadedModel("m", expires_at=None), "m"),
        (LoadedModel("m", size=2_000_000_000, size_vram=0), "m · 2.0 GB"),
        (LoadedModel("m", size=2_000_000_000, size_vram=500_000_000), "m · 2.0 GB · 25 % on the GPU"),
        (LoadedModel("m", expires_at=NOW - 5), "m · 1 min left"),
        (LoadedModel("m", expires_at=NOW + 3 * 3600), "m · 3 h left"),
    ],
    ids=["nothing-known", "in-ram", "partly-on-the-gpu", "expired", "hours-left"],
)
def test_the_line_of_a_loaded_model(model: LoadedModel, line: str) -> None:
    assert labels(replace(LOADED, engine=replace(ENGINE, loaded=(model,))))[0] == line


def test_several_loaded_models_are_unloaded_one_by_one_or_all() -> None:
    engine = replace(ENGINE, loaded=(CODER_LOADED, LoadedModel(SMALL.name)))
    children = entry(replace(LOADED, engine=engine), "Unload").children
    assert [child.action for child in children] == [
        Action("unload", CODER.name),
        Action("unload", SMALL.name),
        None,
        Action("unload", ""),
    ]


def test_an_engine_that_can_neither_load_nor_unload_offers_neither() -> None:
    fixed = replace(LOADED, engine=replace(LOADED.engine, capabilities=Capabilities()))
    assert not any(label.startswith(("Load", "Unload")) for label in labels(fixed))
    assert f"{fixed.engine.label} loads models on demand" in labels(fixed)


def test_models_that_fit_in_memory_are_marked() -> None:
    large = InstalledModel("qwen3-coder:30b", size=18_600_000_000)
    unknown = InstalledModel("mystery")
    embeds = InstalledModel("nomic-embed-text", size=274_000_000, generates=False)
    engine = replace(ENGINE, installed=(CODER, large, unknown, embeds), loaded=(CODER_LOADED,))

    def shown(room: int | None) -> list[tuple[str, bool | None]]:
        menu = build_menu(replace(LOADED, engine=engine), SystemState(room=room))
        [load] = [each for each in menu if each.label == "Load"]
        return [(each.label, each.checked) for each in load.children]

    assert shown(24 * 10**9) == [
        ("qwen2.5-coder:1.5b (1.1 GB)", True),
        ("qwen3-coder:30b (18.6 GB) · fits", False),
        ("mystery", False),
    ]
    # The weights alone would fit, but not with the cache of a usual context.
    assert shown(19 * 10**9)[1][0] == "qwen3-coder:30b (18.6 GB) · too large now"
    assert shown(None)[1][0] == "qwen3-coder:30b (18.6 GB)"


def test_no_installed_model_leaves_load_grey() -> None:
    assert not entry(replace(IDLE, engine=replace(ENGINE, installed=())), "Load").enabled


def test_running_and_waiting_tasks_can_be_cancelled() -> None:
    waiting = replace(TASK, id="01B", task="x" * 200, stage="queue")
    children = entry(replace(WORKING, running=(TASK, waiting)), "1 task running, 1 waiting").children
    assert children[0] == MenuEntry("Cancel “Write docstrings”", Action("cancel", "01A"))
    assert children[1].action == Action("cancel", "01B")
    assert children[1].label.endswith("…” (waiting)")
    assert len(children[1].label) < 80


@pytest.mark.parametrize(("number", "label"), [(1, "Review 1 result"), (4, "Review 4 results")], ids=str)
def test_results_to_review_open_the_page(number: int, label: str) -> None:
    menu = build_menu(IDLE, SystemState(to_review=number))
    assert MenuEntry(label, Action("open", "review")) in menu
    assert not any(each.label.startswith("Review") for each in build_menu(IDLE, SystemState()))


def test_a_batch_shows_its_progress_and_can_be_paused_and_cancelled() -> None:
    batch = Batch("j1", "Docstrings for src/**.py", "running", total=40, ended=12, wrong=2)
    paused = replace(batch, id="j2", state="paused", wrong=0)
    menu = build_menu(WORKING, SystemState(), Pending(batches=(batch, paused)))
    shown = [each for each in menu if each.label.startswith("Batch")]
    assert [each.label for each in shown] == [
        "Batch “Docstrings for src/**.py”: 12 of 40 done, 2 failed",
        "Batch “Docstrings for src/**.py”: 12 of 40 done (paused)",
    ]
    assert [child.action for child in shown[0].children] == [
        Action("pause-batch", "j1"),
        Action("cancel-batch", "j1"),
    ]
    assert shown[1].children[0].action == Action("resume-batch", "j2")


def test_the_arc_shows_the_progress_of_the_running_batches() -> None:
    batch = Batch("j1", "x", "running", total=40, ended=10, wrong=0)
    assert face(WORKING, Pending((batch,))) == Face("working", 0.25)
    assert face(LOADED, Pending((batch,))) == Face("working", 0.25)
    assert face(LOADED, Pending((replace(batch, state="paused"),))) == Face("loaded")
    assert face(replace(WORKING, state="paused"), Pending((batch,))) == Face("paused")


REQUEST = ApprovalRequested(
    "a1",
    "offload_work",
    "claude-code",
    "It would touch more than 50 files",
    120,
    tuple(f"src/{n}.py" for n in range(8)),
    NOW + 600,
    "Add docstrings to every function of the module",
    "src/fees.py",
)


def test_a_pending_approval_comes_first_with_its_files() -> None:
    first = build_menu(WORKING, SystemState(), Pending(approvals=(REQUEST,)))[0]
    assert first.label == "Approve “Add docstrings to every function of the…” → fees.py…"
    told = [child.label for child in first.children if child.action is None]
    assert told[:3] == ["From claude-code, 120 files", "It would touch more than 50 files", "src/0.py"]
    assert "and 115 more" in told
    assert [child.action for child in first.children if child.action is not None] == [
        Action("approve", "a1", "once"),
        Action("approve", "a1", "session"),
        Action("approve", "a1", "project"),
        Action("deny", "a1"),
    ]


def test_a_pending_approval_asks_for_attention() -> None:
    waiting = Pending(approvals=(REQUEST,))
    for snapshot in (IDLE, WORKING, GONE, replace(IDLE, state="paused", paused_until=0.0)):
        assert face(snapshot, waiting) == Face("attention")
        assert "1 call waiting for approval" in tooltip(snapshot, waiting)


def test_an_automatic_pause_shows_its_reason_and_can_be_ended() -> None:
    paused = replace(IDLE, state="paused", paused_until=0.0, giving_way="game.exe runs full-screen.")
    assert "Paused: game.exe runs full-screen." in labels(paused)
    assert entry(paused, "Resume").action == Action("resume")


def test_quit_names_running_work() -> None:
    assert labels(IDLE)[-1] == "Quit"
    assert labels(WORKING)[-1] == "Quit (1 task still running)"
    assert labels(replace(WORKING, running=(TASK, TASK)))[-1] == "Quit (2 tasks still running)"
    download = ModelActivity("qwen", "download")
    batch = Batch("j1", "x", "running", total=4, ended=1, wrong=0)
    pending = Pending((batch, replace(batch, id="j2"), replace(batch, id="j3", state="paused")))
    menu = build_menu(replace(WORKING, activities=(download,)), SystemState(), pending)
    assert menu[-1].label == "Quit (1 task, 2 batches and 1 download still running)"
    assert build_menu(IDLE, SystemState(), Pending((batch,)))[-1].label == "Quit (1 batch still running)"


def test_a_loss_is_named_a_loss() -> None:
    lost = replace(IDLE, saved_today=Totals(offloads=1, net_tokens=-1250))
    assert "-1,250 tokens today (net loss)" in labels(lost)
    won = replace(IDLE, saved_today=Totals(offloads=1, net_tokens=12_400))
    assert "12,400 tokens saved today (net)" in labels(won)


def test_a_pause_is_ended_in_the_same_place() -> None:
    paused = replace(IDLE, state="paused", paused_until=0.0)
    assert entry(paused, "Resume").label == "Resume offloading"
    assert entry(paused, "Resume").action == Action("resume")
    assert entry(replace(paused, paused_until=NOW), "Resume").label.startswith(
        "Resume offloading (paused until "
    )


def test_a_lost_engine_comes_first() -> None:
    assert labels(GONE)[0] == "Ollama at 127.0.0.1:11434 does not answer. Start it."


def test_a_download_shows_its_progress_in_steps() -> None:
    def pulling(completed: int) -> Snapshot:
        return replace(IDLE, activities=(ModelActivity("qwen", "download", completed, 1000),))

    assert labels(pulling(437))[1] == "Downloading qwen: 40 %"
    assert build_menu(pulling(437), SystemState()) == build_menu(pulling(449), SystemState())
    assert labels(replace(IDLE, activities=(ModelActivity("qwen", "load"),)))[1] == "Loading qwen"


def test_a_system_without_start_at_login_does_not_offer_it() -> None:
    assert all(each.label != "Start at login" for each in build_menu(IDLE, SystemState()))


def test_without_clients_the_menu_has_no_connect_entry() -> None:
    assert all(each.label != "Connect" for each in build_menu(IDLE, SystemState(autostart=True)))


def test_the_menu_does_not_change_with_every_second_or_token() -> None:
    later = replace(
        WORKING, taken_at=NOW + 0.5, running=(replace(TASK, tokens=70, tokens_per_second=9.0, text="def f"),)
    )
    assert build_menu(later, SystemState()) == build_menu(WORKING, SystemState())


def test_the_menu_has_one_default_entry() -> None:
    for snapshot in (IDLE, LOADED, WORKING, GONE):
        menu = build_menu(snapshot, SystemState(autostart=True))
        assert [each.label for each in menu if each.default] == ["Open dashboard"]


@pytest.mark.parametrize(
    ("snapshot", "shown"),
    [
        (IDLE, Face("idle")),
        (LOADED, Face("loaded")),
        (WORKING, Face("working")),
        (GONE, Face("error")),
        (replace(WORKING, state="paused"), Face("paused")),
        (replace(IDLE, activities=(ModelActivity("m", "download", 30, 120),)), Face("working", 0.25)),
        (replace(IDLE, activities=(ModelActivity("m", "load"),)), Face("working")),
    ],
    ids=["idle", "loaded", "working", "error", "paused", "downloading", "loading"],
)
def test_the_face_of_each_state(snapshot: Snapshot, shown: Face) -> None:
    assert face(snapshot) == shown


@pytest.mark.parametrize(
    ("snapshot", "part"),
    [
        (IDLE, "no model loaded"),
        (LOADED, "qwen2.5-coder:1.5b loaded"),
        (WORKING, "1 task running"),
        (GONE, "does not answer"),
        (replace(IDLE, state="paused", paused_until=0.0), "paused"),
        (replace(IDLE, activities=(ModelActivity("m", "load"),)), "Loading m"),
    ],
    ids=["idle", "loaded", "working", "error", "paused", "loading"],
)
def test_the_tooltip_is_one_line(snapshot: Snapshot, part: str) -> None:
    text = tooltip(snapshot)
    assert part in text
    assert "\n" not in text
    assert text.endswith("0 tokens saved today (net)")
