"""Lookup of a model by name."""

import pytest

from server.backends.base import InstalledModel
from server.backends.embedded.catalogue import pinned_name
from server.backends.model_names import nearest, resolve
from server.common.errors import ModelNotFound

pytestmark = pytest.mark.fast

INSTALLED = tuple(
    InstalledModel(name)
    for name in (
        "qwen2.5-coder:latest",
        "qwen2.5-coder:0.5b",
        "llama3.2:3b",
        "gemma3:latest",
        "gemma3n:e4b",
        "lmstudio-community/Devstral-Small",
        "hf.co/unsloth/Phi-4-GGUF:Q4_K_M",
    )
)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("qwen2.5-coder:0.5b", "qwen2.5-coder:0.5b"),
        ("qwen2.5-coder", "qwen2.5-coder:latest"),
        ("llama3.2", "llama3.2:3b"),
        ("llama3", "llama3.2:3b"),
        ("LLAMA3.2:3B", "llama3.2:3b"),
        ("gemma3", "gemma3:latest"),
        ("gemma3n", "gemma3n:e4b"),
        ("devstral-small", "lmstudio-community/Devstral-Small"),
        ("phi-4", "hf.co/unsloth/Phi-4-GGUF:Q4_K_M"),
        (" llama3.2:3b ", "llama3.2:3b"),
        ("qwen2.5-coder-0.5b", "qwen2.5-coder:0.5b"),
        ("gemma3n-E4B", "gemma3n:e4b"),
    ],
)
def test_resolves(asked: str, meant: str) -> None:
    assert resolve(asked, INSTALLED) == meant


@pytest.mark.parametrize("asked", ["", "lla", "mistral", "qwen2.5-coder:7b", "llama3.2:", "%", "../etc"])
def test_names_the_nearest(asked: str) -> None:
    with pytest.raises(ModelNotFound) as raised:
        resolve(asked, INSTALLED)
    assert any(model.name in raised.value.next_step for model in INSTALLED)


def test_several_are_listed() -> None:
    with pytest.raises(ModelNotFound, match=r"qwen2.5-coder:1b, qwen2.5-coder:7b"):
        resolve("qwen2.5-coder", [InstalledModel(f"qwen2.5-coder:{size}b") for size in (1, 7)])


def test_exact_name_comes_first() -> None:
    both = [InstalledModel("coder:1b"), InstalledModel("coder-1b")]
    assert [resolve(each.name, both) for each in both] == ["coder:1b", "coder-1b"]
    with pytest.raises(ModelNotFound, match="could be any of"):
        resolve("my:coder:1b", [InstalledModel("my-coder:1b"), InstalledModel("my:coder-1b")])


@pytest.mark.parametrize("given", ["qwen2.5-coder:1.5b", "Qwen2.5-Coder-1.5B", "qwen2.5-coder-1.5b"])
def test_pinned_model_is_found_by_another_engines_spelling(given: str) -> None:
    assert pinned_name(given) == "qwen2.5-coder-1.5b"
    assert pinned_name(f"{given}-x") == f"{given}-x"


def test_nothing_is_installed() -> None:
    with pytest.raises(ModelNotFound, match="First download a model"):
        resolve("llama3.2", ())


def test_the_nearest_come_first() -> None:
    assert nearest("qwen-coder:7b", [model.name for model in INSTALLED])[0].startswith("qwen2.5-coder")
