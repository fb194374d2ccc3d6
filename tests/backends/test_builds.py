"""The build of llama.cpp that the embedded engine runs: found, asked, chosen, run, given up."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from server.backends.base import EngineDevice, GenerationRequest, Message, TextDelta
from server.backends.embedded import builds
from server.backends.embedded.arguments import command_line
from server.backends.embedded.backend import EmbeddedBackend
from server.backends.embedded.buffers import device_memory
from server.backends.embedded.builds import BUILT_IN, choose_build, parse_devices
from server.backends.embedded.vulkan_extra import PACKAGE, VERSION
from server.common.errors import SettingsError
from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import EmbeddedSettings
from server.config.settings import Settings
from server.gpu.engine_devices import idle_gpu, with_engine_devices
from server.gpu.hardware import Gpu, Machine
from server.gpu.memory_gate import MemoryGate
from tests.engine_models import SMOLLM2
from tests.standins.llama_server_program import put_program
from tests.standins.serving import wait_until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script"),
]

MIB = 2**20
TOY = EngineDevice("Vulkan0", "Toy Radeon", 8192 * MIB, 7168 * MIB)
OTHER_PROCESSOR = "it crashed with SIGILL, so it was built for another processor"
HELLO = (Message("user", "Say hello in one word."),)


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Put a program on the path, which holds no other one."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return lambda **how: put_program(tmp_path / "bin" / "llama-server", **how)


def backend(**embedded: object) -> EmbeddedBackend:
    settings = Settings(embedded=EmbeddedSettings(model=SMOLLM2, **embedded))
    return EmbeddedBackend(settings, find_folders(), EventBus())


async def _say_hello(engine: EmbeddedBackend) -> str:
    request = GenerationRequest(SMOLLM2, HELLO, 1024, 8, temperature=0.0)
    async with aclosing(engine.generate(request)) as items:
        return "".join([item.text async for item in items if isinstance(item, TextDelta)])


async def test_a_program_that_finds_a_gpu_is_run(on_path: Callable[..., Path], smollm2: Path) -> None:
    on_path()
    engine = backend()
    assert await engine.uses_gpu()
    assert engine.label == "Embedded llama.cpp 10434 (Vulkan0: Toy Radeon)"
    assert engine.capabilities.reports_vram
    assert await engine.devices() == engine.known_devices == (TOY,)
    assert await _say_hello(engine)
    [loaded] = await engine.loaded()
    assert loaded.size_vram == 160 * MIB
    assert loaded.size > loaded.size_vram
    child = engine._child
    assert child is not None
    process = psutil.Process(child.pid)
    command = process.cmdline()
    assert "tests.standins.llama_server_program" in command
    assert child.api_key not in " ".join(command)
    await engine.unload(SMOLLM2)
    wait_until(lambda: not psutil.pid_exists(process.pid))
    await engine.close()


async def test_the_program_ends_with_the_app_that_is_killed(
    on_path: Callable[..., Path], smollm2: Path
) -> None:
    on_path()
    engine = backend()
    await engine.load(SMOLLM2, 1024)
    child = engine._child
    assert child is not None
    program = psutil.Process(child.pid)
    launcher = program.parent()
    assert launcher is not None
    os.kill(launcher.pid, signal.SIGKILL)
    wait_until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)
    assert await _say_hello(engine)
    await engine.close()


async def test_a_program_that_dies_is_replaced_by_the_library(
    on_path: Callable[..., Path], smollm2: Path
) -> None:
    program = on_path(dies="loading")
    engine = backend()
    assert await engine.uses_gpu()
    assert engine.rejected_builds == ()
    assert await _say_hello(engine)
    assert engine.label == "Embedded llama.cpp"
    assert await engine.devices() == ()
    assert engine.rejected_builds == (f"{program} is not used: {OTHER_PROCESSOR}",)
    await engine.close()


async def test_a_program_that_dies_is_replaced_by_the_next_one(
    on_path: Callable[..., Path], smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    first = on_path(dies="asked")
    second = put_program(tmp_path / "home" / ".local" / "bin" / "llama-server")
    engine = backend()
    assert (await engine.build()).program == str(second)
    assert await engine.devices() == (TOY,)
    assert engine.rejected_builds == (f"{first} is not used: {OTHER_PROCESSOR}",)
    assert await _say_hello(engine)
    await engine.close()


async def test_a_program_without_a_gpu_is_not_better_than_the_library(on_path: Callable[..., Path]) -> None:
    on_path(devices=False)
    assert (await choose_build("")).program == ""


async def test_without_a_program_the_library_is_run(on_path: Callable[..., Path]) -> None:
    build = await choose_build("")
    assert (build.program, build.label) == ("", "Embedded llama.cpp")
    assert build.version


async def test_the_named_program_is_run_whatever_it_computes_on(
    on_path: Callable[..., Path], tmp_path: Path
) -> None:
    program = put_program(tmp_path / "own" / "llama-server-7", devices=False)
    build = await choose_build(str(program))
    assert (build.program, build.version, build.devices) == (str(program), "10434", ())
    on_path()
    assert (await choose_build("llama-server")).devices == (TOY,)
    assert (await choose_build(BUILT_IN)).program == ""


@pytest.mark.parametrize("program", ["/no/such/llama-server", "no-such-program", "/bin/true"])
async def test_a_named_program_that_is_none_is_a_setting_to_fix(program: str) -> None:
    with pytest.raises(SettingsError, match=r"\[embedded\] program"):
        await choose_build(program)


async def test_an_extra_with_other_files_is_not_run(
    on_path: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = put_program(tmp_path / "packages" / PACKAGE / "bin" / "llama-server")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    rejected: dict[str, str] = {}
    assert (await choose_build("", rejected)).program == ""
    assert rejected == {str(program): f"its files are not those of version {VERSION}"}
    second = on_path()
    assert (await choose_build("", rejected)).program == str(second)


async def test_a_named_program_that_dies_is_a_setting_to_fix(tmp_path: Path) -> None:
    program = put_program(tmp_path / "llama-server", dies="asked")
    with pytest.raises(SettingsError, match=OTHER_PROCESSOR):
        await choose_build(str(program))


@pytest.mark.fast
def test_devices_are_read_as_the_program_prints_them() -> None:
    text = """ggml_vulkan: Found 2 Vulkan devices:
Available devices:
  Vulkan0: llvmpipe (LLVM 15.0.6, 256 bits) (2048 MiB, 2000 MiB free)
  CUDA1: NVIDIA GeForce RTX 4090 (24564 MiB, 22000 MiB free)
  BLAS: OpenBLAS (0 MiB, 0 MiB free)
"""
    found = [
        (each.name, each.description, each.total // MIB, each.free // MIB) for each in parse_devices(text)
    ]
    assert found == [
        ("Vulkan0", "llvmpipe (LLVM 15.0.6, 256 bits)", 2048, 2000),
        ("CUDA1", "NVIDIA GeForce RTX 4090", 24564, 22000),
    ]
    assert parse_devices("Available devices:\n  (none)\n") == ()


@pytest.mark.fast
def test_memory_on_devices_is_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "load_tensors:   CPU_Mapped model buffer size =   272.00 MiB\n"
        "load_tensors:      Vulkan0 model buffer size =   934.50 MiB\n"
        "llama_kv_cache:    Vulkan0 KV buffer size =   224.00 MiB\n"
        "llama_context:    Vulkan0 compute buffer size =   300.00 MiB\n"
        "llama_context:    Vulkan0 compute buffer size =   310.00 MiB\n"
    )
    assert device_memory(log, ["Vulkan0"]) == round((934.5 + 224 + 310) * MIB)
    assert device_memory(log, ["CUDA0"]) == device_memory(tmp_path / "none", ["Vulkan0"]) == 0


@pytest.mark.fast
def test_the_users_variables_do_not_change_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_ARG_CTX_SIZE", "1")
    assert "LLAMA_ARG_CTX_SIZE" not in builds.own_environ()


@pytest.mark.fast
def test_one_order_gives_the_command(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    order = {
        "program": "p",
        "path": str(model),
        "model": "m",
        "num_ctx": 4096,
        "slots": 2,
        "threads": 3,
        "gpu_layers": -1,
        "cache_mib": 512,
        "on_gpu": True,
        "api_key": "secret",
    }
    words = command_line(order)
    assert words[words.index("--ctx-size") + 1] == "8192"
    assert words[words.index("--n-gpu-layers") + 1] == "999"
    assert "secret" not in words
    assert "--ubatch-size" not in words
    assert "--ubatch-size" in command_line({**order, "on_gpu": False})


MACHINE = Machine(ram_total=32 << 30, ram_available=16 << 30, cores=8)


@pytest.mark.fast
def test_the_engines_devices_stand_in_for_drivers() -> None:
    [gpu] = with_engine_devices(MACHINE, (TOY,)).gpus
    assert (gpu.name, gpu.total, gpu.free) == ("Toy Radeon", 8192 * MIB, 7168 * MIB)
    card = Gpu("RTX", "nvidia", 24 << 30, 20 << 30)
    known = Machine(32 << 30, 16 << 30, 8, gpus=(card,))
    assert with_engine_devices(known, (TOY,)).gpus == (card,)
    assert with_engine_devices(MACHINE, None) == MACHINE


@pytest.mark.fast
def test_an_idle_gpu_is_named() -> None:
    known = Machine(32 << 30, 16 << 30, 8, gpus=(Gpu("RTX 4090", "nvidia", 24 << 30, 20 << 30),))
    assert idle_gpu(known, ()) == "RTX 4090"
    assert idle_gpu(known, (TOY,)) == idle_gpu(known, None) == idle_gpu(MACHINE, ()) == ""


async def test_the_memory_gate_uses_the_engines_device(on_path: Callable[..., Path], smollm2: Path) -> None:
    on_path()
    engine = backend()
    settings = Settings()
    fit = await MemoryGate(settings.backend, find_folders(), lambda: MACHINE).fit(engine, SMOLLM2, 2048)
    assert fit is not None
    assert fit.room.place == "GPU memory"
    assert fit.room.total < 8192 * MIB
    await engine.close()
