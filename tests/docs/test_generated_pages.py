"""The generated pages match the code."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def _pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


@pytest.mark.parametrize("name", sorted(_pages()))
def test_the_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == _pages()[name], f"docs/{name} is stale: run `uv run python docs/generate.py`"


def test_every_benchmark_is_in_the_figures() -> None:
    figures = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    folder = DOCS.parent / "tests" / "bench"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    benchmarks = {name for name, text in texts.items() if "\ndef main(" in text}
    assert len(benchmarks) > 10
    parts = {"engine_process", "page_peers"}  # processes that benchmarks start
    assert {name for name in benchmarks - parts if f"tests.bench.{name}" not in figures} == set()
