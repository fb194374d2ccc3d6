"""References to models, and the choice among a repository's files."""

from pathlib import Path

import pytest

from server.backends.embedded.weights.hub import choose_files
from server.backends.embedded.weights.references import AtAddress, OnDisk, OnHub, parse_reference
from server.backends.ollama.pull import registry_name

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hf.co/org/repo:Q4_K_M", OnHub("org/repo", "Q4_K_M")),
        ("huggingface.co/org/repo", OnHub("org/repo")),
        ("org/repo:IQ2_XS", OnHub("org/repo", "IQ2_XS")),
        ("https://huggingface.co/org/repo", OnHub("org/repo")),
        ("https://huggingface.co/org/repo/tree/main", OnHub("org/repo")),
        ("https://hf.co/org/repo/blob/v2/a/b%20c.gguf", OnHub("org/repo", "a/b c.gguf", "v2")),
        ("https://example.org/x/y.gguf", AtAddress("https://example.org/x/y.gguf")),
        ("/models/a.gguf", OnDisk(Path("/models/a.gguf"))),
        ("qwen2.5-coder:1.5b", None),
        ("qwen2.5-coder-1.5b", None),
        ("org/../x", None),
        ("a/b/c", None),
        ("ftp://example.org/x.gguf", None),
        ("", None),
    ],
    ids=[
        *("hub", "long-host", "bare", "page", "tree", "blob", "address", "path"),
        *("ollama", "catalogue", "dots", "three-parts", "ftp", "empty"),
    ],
)
def test_parsing(text: str, found: object) -> None:
    assert parse_reference(text) == found


FILES = [
    *("a-Q4_K_M.gguf", "a-Q8_0.gguf", "UD/a-UD-Q4_K_M.gguf", "mmproj-a-Q8_0.gguf"),
    *("BF16/a-BF16-00002-of-00002.gguf", "BF16/a-BF16-00001-of-00002.gguf"),
]


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("", ["a-Q4_K_M.gguf"]),
        ("q8_0", ["a-Q8_0.gguf"]),
        ("UD-Q4_K_M", ["UD/a-UD-Q4_K_M.gguf"]),
        ("BF16", ["BF16/a-BF16-00001-of-00002.gguf", "BF16/a-BF16-00002-of-00002.gguf"]),
        ("a-UD-Q4_K_M.gguf", ["UD/a-UD-Q4_K_M.gguf"]),
        ("UD/a-UD-Q4_K_M.gguf", ["UD/a-UD-Q4_K_M.gguf"]),
        ("Q4", []),
        ("Q2_K", []),
    ],
    ids=["usual", "case", "prefix", "split", "name", "path", "part-of-a-word", "missing"],
)
def test_choice_of_files(wanted: str, chosen: list[str]) -> None:
    assert choose_files(FILES, wanted) == chosen


def test_without_a_usual_quantization_the_first_file_is_chosen() -> None:
    assert choose_files(["b-F16.gguf", "a-F16.gguf"], "") == ["a-F16.gguf"]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("https://huggingface.co/org/repo", "hf.co/org/repo"),
        ("https://hf.co/org/repo/blob/main/a-Q8_0.gguf", "hf.co/org/repo:a-Q8_0.gguf"),
        ("qwen3.5:9b", "qwen3.5:9b"),
        ("org/repo:q4", "org/repo:q4"),
    ],
    ids=["page", "file", "registry", "namespace"],
)
def test_names_for_ollama(model: str, name: str) -> None:
    assert registry_name(model) == name
