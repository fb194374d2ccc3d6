"""Recommendations on simulated machines, from the app's catalogue."""

import re
from pathlib import Path

import pytest

from server.backends.base import InstalledModel
from server.common.errors import SettingsError
from server.config.folders import Folders
from server.gpu.fit import GPU_RESERVE, METAL_RESERVE, Room, left_in, room_of
from server.gpu.hardware import Gpu, GpuProcess, Machine
from server.gpu.memory import ModelMemory
from server.models.catalogue import CatalogueModel, load_catalogue
from server.models.categories import Category
from server.models.evidence import Evidence
from server.models.recommend import Recommendation, memory_needed, recommend
from server.models.selector import Selector, SelectorSettings
from server.models.speed import bandwidth_of, expected_rate

pytestmark = pytest.mark.fast

GIB = 2**30
GAME = GpuProcess(1234, "game.exe", 4 * GIB)
GAMING = Gpu("NVIDIA GeForce RTX 4060", "nvidia", 8 * GIB, 4 * GIB, processes=(GAME,))
NO_GPU = Machine(16 * GIB, 12 * GIB, 8)
HALF_USED = Machine(32 * GIB, 20 * GIB, 8, (GAMING,))
TWO_CARDS = Machine(
    64 * GIB, 50 * GIB, 16, (Gpu("NVIDIA GeForce RTX 3090", "nvidia", 24 * GIB, 23 * GIB),) * 2
)
UNIFIED = Machine(128 * GIB, 110 * GIB, 16, (Gpu("Apple M3 Max", "apple", 96 * GIB, 96 * GIB, unified=True),))
SMALL = Machine(4 * GIB, 2 * GIB, 2)
NONE = SelectorSettings()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path, tmp_path, tmp_path, tmp_path)


@pytest.fixture
def catalogue(folders: Folders) -> tuple[CatalogueModel, ...]:
    return tuple(each for each in load_catalogue(folders) if each.engine == "ollama")


def best(machine: Machine, catalogue: tuple[CatalogueModel, ...], category: Category) -> Recommendation:
    return recommend(machine, (), catalogue, NONE, category)[0]


@pytest.mark.parametrize(
    ("machine", "coding", "general"),
    [
        (NO_GPU, "qwen3.5:4b", "qwen3.5:4b"),
        (HALF_USED, "granite4.1:3b", "granite4.1:3b"),
        (TWO_CARDS, "qwen3.6:35b-a3b", "qwen3.6:35b-a3b"),
        (UNIFIED, "qwen3.6:35b-a3b", "gpt-oss:120b"),
    ],
    ids=["no GPU", "8 GB half used", "two cards", "128 GB unified"],
)
def test_each_machine_gets_a_model_that_fits(
    machine: Machine, coding: str, general: str, catalogue: tuple[CatalogueModel, ...]
) -> None:
    for category, expected in (("coding", coding), ("general", general)):
        first = best(machine, catalogue, category)  # type: ignore[arg-type] # a literal in the table above
        assert first.model.name == expected
        assert first.fits
        assert "fits (" in first.line


@pytest.mark.parametrize(
    "machine",
    [NO_GPU, HALF_USED, TWO_CARDS, UNIFIED],
    ids=["no GPU", "8 GB half used", "two cards", "128 GB unified"],
)
def test_line_names_fit_download_speed_and_licence(
    machine: Machine, catalogue: tuple[CatalogueModel, ...]
) -> None:
    line = best(machine, catalogue, "coding").line
    assert re.fullmatch(
        r"\S+: fits \([\d.]+ GB spare\) · (≈ )?[\d.]+ GB download · ≈ \d+ tokens/s"
        r"( · [\w -]+ [\d.]+ \([\d-]+\))? · (Apache-2\.0|MIT)",
        line,
    ), line


def test_two_cards_hold_a_larger_model_but_not_their_sum() -> None:
    """A model of 40 GiB fits on two cards of 24 GiB; one of 44.9 GiB would need a single card."""
    free = room_of(TWO_CARDS).total
    models = tuple(
        CatalogueModel(name=name, size=size)
        for name, size in (("both", 35 * GIB), ("one", round(free / 1.15) - GIB))
    )
    fits = {each.model.name: each for each in recommend(TWO_CARDS, (), models, NONE, "coding")}
    assert fits["both"].fits
    assert memory_needed(models[1]) < free
    assert not fits["one"].fits


def test_uneven_split_needs_memory_for_whole_layers() -> None:
    """Eight layers of 1 GiB and the output layer: five on one card and four on the other."""
    memory = ModelMemory(weights=9 * GIB, kv_cache=0, compute=GIB // 4)
    assert left_in(Room("GPU memory", (round(5.3 * GIB), round(4.3 * GIB))), memory, 8) >= 0
    assert left_in(Room("GPU memory", (round(4.8 * GIB), round(4.8 * GIB))), memory, 8) < 0
    assert left_in(Room("GPU memory", (round(9.3 * GIB), 0)), memory, 8) == round(9.3 * GIB) - memory.total


def test_discrete_card_counts_without_the_integrated_gpu() -> None:
    mixed = Machine(
        64 * GIB,
        50 * GIB,
        16,
        (
            Gpu("AMD Radeon 780M", "amd", 32 * GIB, 30 * GIB, unified=True),
            Gpu("NVIDIA GeForce RTX 3060", "nvidia", 12 * GIB, 11 * GIB),
        ),
    )
    assert room_of(mixed).place == "GPU memory"
    assert room_of(mixed).total < 11 * GIB
    assert room_of(mixed, on_gpu=False).place == "RAM"


def test_integrated_gpu_uses_all_ram_but_metal_only_its_share() -> None:
    apu = Gpu("AMD Radeon 780M", "amd", 8 * GIB, 5 * GIB, unified=True)
    assert room_of(Machine(16 * GIB, 12 * GIB, 8, (apu,))).total == 12 * GIB - GPU_RESERVE
    metal = Gpu("Apple M3", "apple", 10 * GIB, 10 * GIB, unified=True)
    assert room_of(Machine(16 * GIB, 12 * GIB, 8, (metal,))).total == 10 * GIB - METAL_RESERVE
    assert room_of(Machine(16 * GIB, 12 * GIB, 8, (metal,)), held=4 * GIB).total == 10 * GIB - METAL_RESERVE


def test_speed_follows_bandwidth_and_the_weights_in_use() -> None:
    dense = CatalogueModel(name="dense", size=4_650_000_000, parameters=8, active=8)
    experts = CatalogueModel(name="gemma4:26b", size=16_500_000_000, parameters=25.2, active=3.8)
    card = Machine(64 * GIB, 50 * GIB, 16, (Gpu("NVIDIA GeForce RTX 3090", "nvidia", 24 * GIB, 23 * GIB),))
    assert expected_rate(card, dense, on_gpu=True) == pytest.approx(155, rel=0.2)  # llama.cpp's own figure
    faster = Machine(64 * GIB, 50 * GIB, 16, (Gpu("NVIDIA GeForce RTX 4090", "nvidia", 24 * GIB, None),))
    assert expected_rate(faster, experts, on_gpu=True) == pytest.approx(149, rel=0.1)
    assert expected_rate(card, dense, on_gpu=False) == expected_rate(NO_GPU, dense, on_gpu=True) < 10
    unknown = Machine(64 * GIB, 50 * GIB, 16, (Gpu("Some GPU", "intel", 8 * GIB, None),))
    assert expected_rate(unknown, dense, on_gpu=True) == 0
    assert bandwidth_of("NVIDIA GeForce RTX 4070 Ti SUPER") == 672
    assert bandwidth_of("NVIDIA GeForce RTX 4070") == 504
    assert bandwidth_of("Quadro RTX 40") == 0


def test_measured_speed_replaces_the_expected_one(catalogue: tuple[CatalogueModel, ...]) -> None:
    name = best(NO_GPU, catalogue, "coding").model.name
    found = recommend(NO_GPU, (), catalogue, NONE, "coding", evidence={name: Evidence(generate_rate=12.0)})
    line = next(each.line for each in found if each.model.name == name)
    assert "12 tokens/s here" in line
    assert not re.search(r"≈ \d+ tokens/s", line)


def test_installed_model_comes_first_unless_quality_is_preferred(
    catalogue: tuple[CatalogueModel, ...],
) -> None:
    have = (InstalledModel("qwen2.5-coder:7b", 4_700_000_000),)
    assert recommend(TWO_CARDS, have, catalogue, NONE, "coding")[0].model.name == "qwen2.5-coder:7b"
    first = recommend(TWO_CARDS, have, catalogue, NONE, "coding", prefer_quality=True)[0]
    assert first.model.name == "qwen3.6:35b-a3b"
    assert not first.installed


def test_line_says_that_a_model_does_not_fit(catalogue: tuple[CatalogueModel, ...]) -> None:
    last = recommend(SMALL, (), catalogue, NONE, "coding")[-1]
    assert not last.fits
    assert "does not fit right now" in last.line


def test_memory_of_the_engines_own_models_counts_as_free(catalogue: tuple[CatalogueModel, ...]) -> None:
    full = Machine(32 * GIB, 20 * GIB, 8, (Gpu("24 GB", "nvidia", 24 * GIB, GIB // 2),))
    assert not recommend(full, (), catalogue, NONE, "general")[0].fits
    assert recommend(full, (), catalogue, NONE, "general", held=20 * GIB)[0].fits


def test_users_filters_apply(catalogue: tuple[CatalogueModel, ...]) -> None:
    settings = SelectorSettings(blocked_models=("qwen*",), license_filter=("mit",))
    assert [each.model.name for each in recommend(TWO_CARDS, (), catalogue, settings, "coding")] == [
        "glm-4.7-flash"
    ]


def test_users_own_choice_comes_first(catalogue: tuple[CatalogueModel, ...]) -> None:
    settings = SelectorSettings(custom_recommendations={"translation": "my-own:7b"})
    first = recommend(TWO_CARDS, (), catalogue, settings, "translation", prefer_quality=True)[0]
    assert first.model.name == "my-own:7b"
    assert first.line.startswith("my-own:7b: your choice")


def test_every_figure_names_its_source(catalogue: tuple[CatalogueModel, ...]) -> None:
    figures = [each.quality for each in catalogue if each.quality]
    assert figures
    assert all(each.source.startswith("https://") for each in figures)
    assert all(re.fullmatch(r"2\d{3}-\d\d(-\d\d)?", each.date) for each in figures)


def test_users_catalogue_replaces_the_apps_own(folders: Folders) -> None:
    path = folders.config / "models.toml"
    path.write_text('[[model]]\nname = "mine:1b"\n', encoding="utf-8")
    assert [each.name for each in load_catalogue(folders)] == ["mine:1b"]
    path.write_text("[[model]]\nnom = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"models\.toml"):
        load_catalogue(folders)


def test_filters_are_stored_and_damage_is_an_error(folders: Folders) -> None:
    selector = Selector(folders)
    assert not selector.is_blocked("llama3.2:3b")
    selector.write(SelectorSettings(blocked_models=("llama3.2",)))
    assert Selector(folders).is_blocked("llama3.2:3b")
    assert not Selector(folders).is_blocked("llama3.20:3b")
    selector.path.write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError):
        selector.read()
