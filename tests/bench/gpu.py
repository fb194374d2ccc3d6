"""Benchmark of a model on a GPU: ``uv run python -m tests.bench.gpu [GGUF] [--slots 1 2 4 8 16]``.

Loads the model, compares its GPU memory with the estimate, unloads it and checks that the memory was freed.
Then it runs one generation a slot concurrently, through the app's queue and straight to the bare engine,
and measures the rates. Prints a table and writes ``results/gpu.json``. It takes about two minutes with a 7B
model.

The engine is the embedded one if a build of llama.cpp finds a GPU (see ``embedded/builds``); else a running
Ollama with its own slots, if ``--model`` names one of its models. Without such an engine the command
reports this and exits with status 77 ("skipped"). ``--cpu`` runs the same on the CPU with the embedded engine
(about a minute with 0.5B and ``--slots 1 2``) to test the benchmark itself; its figures go to
``results/gpu-on-cpu.json`` and say nothing about GPUs.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from server.backends.base import Completed, GenerationRequest, Message, ReportsModelFile, TextDelta
from server.backends.embedded.builds import choose_build
from server.common.errors import TokenSaverError
from server.common.events import EventBus
from server.config.folders import Folders
from server.config.sections import BackendSettings, EmbeddedSettings
from server.config.settings import Settings
from server.engine.engine import Engine
from server.gpu.hardware import Gpu, read_gpus
from server.gpu.memory import model_memory

SKIPPED = 77
NUM_CTX = 2048
ANSWER_TOKENS = 96
PROMPT_LINES = 40
SLOTS = (1, 2, 4, 8, 16)
SETTLE_SECONDS = 1.0
"""The driver reports freed memory with a short delay (seconds)."""
RESULTS = Path(__file__).parent / "results"
MIB = 2**20


@dataclass(frozen=True)
class Memory:
    """One load, in MiB and seconds; ``kept`` is memory that the unload did not free."""

    slots: int
    load_seconds: float
    estimated: float
    taken: float
    unload_seconds: float
    kept: float

    @property
    def error(self) -> float:
        """The error of the estimate, as a fraction of the measured memory."""
        return self.estimated / self.taken - 1 if self.taken else 0.0


@dataclass(frozen=True)
class Rates:
    """``at_once`` concurrent generations: total tokens a second, and the slowest first token; ``bare_rate``
    is the same without the app."""

    at_once: int
    prompt_rate: float
    generate_rate: float
    first_seconds: float
    bare_rate: float = 0.0


@dataclass(frozen=True)
class Place:
    """Where the model runs: engine settings, model name, and whether it is on a GPU."""

    settings: BackendSettings
    embedded_model: str
    model: str
    on_gpu: bool

    def with_slots(self, slots: int) -> Settings:
        """Return the settings with this number of slots."""
        layers = -1 if self.on_gpu else 0
        embedded = EmbeddedSettings(
            model=self.embedded_model or "auto", slots=slots, gpu_layers=layers, cache_mib=0
        )
        return Settings(backend=self.settings, embedded=embedded)


def main() -> None:
    """Measure, print, write; exit with 77 without suitable hardware."""
    arguments = _arguments()
    gpus = tuple(gpu for gpu in read_gpus() if gpu.vendor == "nvidia")
    place = _place(arguments, gpus)
    if isinstance(place, str):
        print(f"skipped: {place}")
        raise SystemExit(SKIPPED)
    try:
        memory, rates = asyncio.run(_measure(place, arguments.slots))
    except TokenSaverError as error:
        print(f"failed: {error}")
        raise SystemExit(1) from None
    _print(place, memory, rates)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / ("gpu.json" if place.on_gpu else "gpu-on-cpu.json")
    path.write_text(
        json.dumps(
            {
                "gpus": [gpu.name for gpu in gpus] if place.on_gpu else [],
                "engine": place.settings.kind,
                "model": place.model,
                "memory": [{**asdict(each), "error": round(each.error, 4)} for each in memory],
                "rates": [asdict(each) for each in rates],
            },
            indent=1,
        )
        + "\n",
        encoding="utf-8",
    )
    print(f"written to {path}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gpu")
    parser.add_argument("gguf", nargs="?", default="", help="the model's file, for the embedded engine")
    parser.add_argument("--model", default="", help="a model of an Ollama that runs")
    parser.add_argument("--slots", type=int, nargs="+", default=SLOTS)
    parser.add_argument("--cpu", action="store_true", help="on the processor, to try this program")
    return parser.parse_args()


def _place(arguments: argparse.Namespace, gpus: tuple[Gpu, ...]) -> Place | str:
    """Return where to measure, or the reason why it is not possible."""
    name = Path(arguments.gguf).stem
    embedded = Place(BackendSettings(kind="embedded", num_ctx=NUM_CTX), arguments.gguf, name, on_gpu=True)
    if arguments.cpu:
        return replace(embedded, on_gpu=False) if name else "--cpu needs a GGUF file"
    devices = asyncio.run(choose_build("")).devices
    if name and devices:
        print(f"on {', '.join(each.description for each in devices)}", file=sys.stderr)
        return embedded
    if arguments.model and gpus:
        settings = BackendSettings(kind="ollama", url=os.environ.get("OLLAMA_HOST", ""), num_ctx=NUM_CTX)
        return Place(settings, "", arguments.model, on_gpu=True)
    missing = "no build of llama.cpp on this machine finds a GPU" if name else "no GGUF file was named"
    return f"{missing}, and no model of an Ollama was named with --model"


async def _measure(place: Place, slots: list[int]) -> tuple[list[Memory], list[Rates]]:
    memory, rates = [], []
    with tempfile.TemporaryDirectory(prefix="token-saver-gpu-") as home:
        folders = Folders(*(Path(home) for _ in range(4)))
        for each in slots:
            engine = Engine(place.with_slots(each), folders, EventBus())
            try:
                memory_now, rates_now = await _one(engine, place, each)
            finally:
                await engine.close()
            memory.append(memory_now)
            rates.append(rates_now)
            print(f"{each} at once: done", file=sys.stderr)
    return memory, rates


async def _one(engine: Engine, place: Place, slots: int) -> tuple[Memory, Rates]:
    """Load, generate, unload with one number of slots."""
    model = await engine.choose_model(place.model)
    await engine.unload(model)
    estimated, before = await _estimate(engine, model, slots, on_gpu=place.on_gpu), _gpu_free()
    began = time.monotonic()
    await engine.load(model)
    load_seconds = time.monotonic() - began
    taken = _taken(engine, model, before, on_gpu=place.on_gpu)
    rates = await _rates(engine, model, slots)
    rates = replace(rates, bare_rate=await _bare_rate(engine, model, slots))
    began = time.monotonic()
    await engine.unload(model)
    unload_seconds = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    await engine.refresh()
    kept = _taken(engine, model, before, on_gpu=place.on_gpu)
    found = (round(each / MIB, 1) for each in (estimated, taken, kept))
    in_mib = dict(zip(("estimated", "taken", "kept"), found, strict=True))
    return Memory(slots, round(load_seconds, 2), unload_seconds=round(unload_seconds, 2), **in_mib), rates


async def _estimate(engine: Engine, model: str, slots: int, *, on_gpu: bool) -> int:
    backend = await engine.use()
    if not isinstance(backend, ReportsModelFile):
        return 0
    file = await backend.model_file(model)
    slots = await backend.slots(model) or slots
    whole = model_memory(file.metadata, file.weights, NUM_CTX, file.kv_type, slots).total
    return whole if on_gpu else whole + file.overhead  # the overhead is the process itself, in RAM


def _gpu_free() -> int:
    return sum(gpu.free or 0 for gpu in read_gpus() if gpu.vendor == "nvidia")


def _taken(engine: Engine, model: str, before: int, *, on_gpu: bool) -> int:
    """Return the bytes that the model takes, by NVIDIA's driver or else by the engine's report."""
    if not on_gpu:
        return _taken_of_ram(engine, model)
    if any(gpu.vendor == "nvidia" for gpu in read_gpus()):
        return before - _gpu_free()
    return next((each.size_vram for each in engine.view().loaded if each.name == model), 0)


async def _bare_rate(engine: Engine, model: str, at_once: int) -> float:
    """Return the tokens a second of as many generations straight from the backend, without the queue."""
    backend = await engine.use()

    async def one() -> tuple[float, int]:
        began, first, tokens = time.monotonic(), 0.0, 0
        async with aclosing(backend.generate(_request(model))) as items:
            async for item in items:
                if isinstance(item, TextDelta):
                    first = first or time.monotonic() - began
                elif isinstance(item, Completed):
                    tokens = item.completion_tokens
        return first, tokens

    began = time.monotonic()
    done = await asyncio.gather(*(one() for _ in range(at_once)))
    whole, first = time.monotonic() - began, max(each for each, _ in done)
    return round(sum(tokens for _, tokens in done) / max(whole - first, 1e-3), 1)


def _request(model: str) -> GenerationRequest:
    """Return a request with an uncached prompt."""
    lines = (f"{number}. {secrets.token_hex(3)} waits in row {number}" for number in range(PROMPT_LINES))
    task = "\n".join((*lines, "Count from 1 to 200, one number a line, and write nothing else."))
    return GenerationRequest(model, (Message("user", task),), NUM_CTX, ANSWER_TOKENS, temperature=0.0)


def _taken_of_ram(engine: Engine, model: str) -> int:
    return next((each.size for each in engine.view().loaded if each.name == model), 0)


async def _rates(engine: Engine, model: str, at_once: int) -> Rates:
    began = time.monotonic()
    done = await asyncio.gather(*(_generate(engine, model) for _ in range(at_once)))
    first = max(each for each, _ in done)
    whole = max(time.monotonic() - began, 1e-3)
    prompt = sum(end.prompt_tokens for _, end in done)
    return Rates(
        at_once=at_once,
        prompt_rate=round(prompt / max(first, 1e-3), 1),
        generate_rate=round(sum(end.completion_tokens for _, end in done) / max(whole - first, 1e-3), 1),
        first_seconds=round(first, 2),
    )


async def _generate(engine: Engine, model: str) -> tuple[float, Completed]:
    """Generate for an uncached prompt; return the seconds to the first token and to the end."""
    request = _request(model)
    began, first, end = time.monotonic(), 0.0, None
    async with aclosing(engine.generate(request)) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                first = first or time.monotonic() - began
            elif isinstance(item, Completed):
                end = item
    assert end is not None, "a generation ends with Completed"
    return first or time.monotonic() - began, end


def _print(place: Place, memory: list[Memory], rates: list[Rates]) -> None:
    where = "GPU" if place.on_gpu else "CPU"
    print(f"{place.model}, {place.settings.kind} engine on the {where}, {NUM_CTX} tokens a slot")
    print(
        "slots   load s  estimated MiB  taken MiB   error  unload s  kept MiB  prompt/s  generated/s   bare/s"
        "  first s"
    )
    for of, rate in zip(memory, rates, strict=True):
        print(
            f"{of.slots:5}  {of.load_seconds:7.2f}  {of.estimated:13.1f}  {of.taken:9.1f}  {of.error:6.1%}"
            f"  {of.unload_seconds:8.2f}  {of.kept:8.1f}  {rate.prompt_rate:8.1f}  {rate.generate_rate:11.1f}"
            f"  {rate.bare_rate:7.1f}  {rate.first_seconds:7.2f}"
        )


if __name__ == "__main__":
    main()
