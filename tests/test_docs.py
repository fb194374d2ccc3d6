"""The generated pages say what the code says."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


def _pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages: dict[str, str] = module.pages()
    return pages


@pytest.mark.parametrize("name", sorted(_pages()))
def test_the_page_is_as_it_would_be_generated(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == _pages()[name], f"docs/{name} is stale: run `uv run python docs/generate.py`"
