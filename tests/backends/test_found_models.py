"""GGUF files in the app's folder, the user's folders and the caches of four other programs, used in place."""

import json
import struct
from pathlib import Path

import pytest

from server.backends.embedded.backend import EmbeddedBackend
from server.backends.embedded.weights.found import find_models
from server.common.errors import BackendUnsupported, ModelNotFound
from server.common.events import EventBus
from server.config.folders import find_folders
from server.config.sections import EmbeddedSettings
from server.config.settings import Settings
from server.engine.selection import choose_model

pytestmark = pytest.mark.anyio

PARTS = [f"big-Q8_0-0000{n}-of-00002.gguf" for n in (1, 2)]


def put_gguf(path: Path, architecture: str = "qwen2", extra: bytes = b"") -> Path:
    """Write a GGUF file with a header of one pair and no tensors."""
    key, value = b"general.architecture", architecture.encode()
    header = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    header += struct.pack("<Q", len(key)) + key + struct.pack("<I", 8) + struct.pack("<Q", len(value)) + value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + extra)
    return path


def put_ollama(folder: Path, name: str, tag: str, *, layers: int = 1) -> Path:
    """Write a manifest of Ollama's and its blob; return the blob."""
    digest = f"sha256-{name}{tag}".ljust(71, "0")
    blob = put_gguf(folder / "blobs" / digest, extra=name.encode())
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest.replace("-", ":", 1)}
    template = {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:ff"}
    path = folder / "manifests" / "registry.ollama.ai" / "library" / name / tag
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"layers": [layer] * layers + [template]}))
    return blob


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Path]:
    """One model in each cache, by the program's name."""
    home = tmp_path / "home"
    for variable in ("OLLAMA_MODELS", "LLAMA_CACHE", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LLAMA_CACHE", str(home / "llama"))
    snapshot = home / ".cache" / "huggingface" / "hub" / "models--org--repo" / "snapshots" / "abc"
    put_gguf(home / ".lmstudio" / "models" / "org" / "repo" / "mmproj-studio.gguf")
    return {
        "LM Studio": put_gguf(home / ".lmstudio" / "models" / "org" / "repo" / "studio-Q4_K_M.gguf"),
        "Ollama": put_ollama(home / ".ollama" / "models", "qwen3.5", "9b"),
        "llama.cpp": put_gguf(home / "llama" / "org_repo_cpp-Q4_K_M.gguf"),
        "Hugging Face": put_gguf(snapshot / "hub-Q4_K_M.gguf"),
    }


def backend(**embedded: object) -> EmbeddedBackend:
    return EmbeddedBackend(Settings(embedded=EmbeddedSettings(**embedded)), find_folders(), EventBus())


NAMES = {
    "LM Studio": "studio-Q4_K_M",
    "Ollama": "qwen3.5:9b",
    "llama.cpp": "org_repo_cpp-Q4_K_M",
    "Hugging Face": "hub-Q4_K_M",
}


@pytest.mark.parametrize("owner", NAMES)
async def test_a_model_in_each_cache_is_used_in_place(caches: dict[str, Path], owner: str) -> None:
    engine = backend(use_caches=True)
    name = NAMES[owner]
    assert {each.name for each in await engine.installed()} == set(NAMES.values())
    assert await choose_model(engine, name) == name
    assert engine.has_weights(name)
    file = await engine.model_file(name)
    assert file.metadata["general.architecture"] == "qwen2"
    assert file.weights == caches[owner].stat().st_size
    with pytest.raises(BackendUnsupported, match=f"{owner}'s file"):
        await engine.delete(name)
    assert caches[owner].exists()
    await engine.close()


@pytest.mark.parametrize("owner", NAMES)
async def test_a_model_in_each_cache_is_loaded_from_there(
    caches: dict[str, Path], owner: str, smollm2: Path
) -> None:
    smollm2.replace(caches[owner])
    engine = backend(use_caches=True, slots=1)
    await engine.load(NAMES[owner], 512)
    [loaded] = await engine.loaded()
    assert loaded.name == NAMES[owner]
    assert list(find_folders().models.rglob("*.gguf")) == []
    await engine.close()


async def test_the_caches_can_be_left_alone(caches: dict[str, Path]) -> None:
    engine = backend(use_caches=False)
    assert await engine.installed() == ()
    await engine.close()


def test_a_file_that_two_caches_share_counts_once(caches: dict[str, Path], tmp_path: Path) -> None:
    link = tmp_path / "links" / "again.gguf"
    link.parent.mkdir()
    link.symlink_to(caches["Hugging Face"])
    found = find_models(tmp_path / "none", [link.parent], caches=True)
    assert [each.name for each in found if each.path.resolve() == caches["Hugging Face"]] == ["again"]


def test_two_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for org in ("one", "two"):
        put_gguf(tmp_path / org / "same.gguf")
    assert [each.name for each in find_models(tmp_path, (), caches=False)] == ["same", "two/same"]


def test_a_split_model_is_one_and_complete(tmp_path: Path) -> None:
    first, second = [put_gguf(tmp_path / name) for name in PARTS]
    [found] = find_models(tmp_path, (), caches=False)
    assert (found.name, found.files) == ("big-Q8_0", (first, second))
    [by_path] = find_models(tmp_path / "none", [first], caches=False)
    assert by_path.files == (first, second)
    second.unlink()
    assert find_models(tmp_path, (), caches=False) == ()


@pytest.mark.parametrize(
    "content", ["not JSON", '{"layers": 5}', '{"layers": []}', "[]"], ids=["text", "number", "none", "list"]
)
def test_a_broken_manifest_is_skipped(caches: dict[str, Path], content: str, tmp_path: Path) -> None:
    folder = caches["Ollama"].parents[1]
    [manifest] = [each for each in (folder / "manifests").rglob("*") if each.is_file()]
    manifest.write_text(content)
    assert "qwen3.5:9b" not in {each.name for each in find_models(tmp_path / "none", (), caches=True)}


def test_weights_in_several_blobs_are_skipped(caches: dict[str, Path], tmp_path: Path) -> None:
    put_ollama(caches["Ollama"].parents[1], "split", "70b", layers=2)
    assert "split:70b" not in {each.name for each in find_models(tmp_path / "none", (), caches=True)}


async def test_folders_of_the_user_and_pulled_references(tmp_path: Path) -> None:
    put_gguf(tmp_path / "own" / "mine-Q4_0.gguf")
    put_gguf(find_folders().models / "org" / "repo" / "pulled-Q5_K_M.gguf")
    engine = backend(folders=(str(tmp_path / "own"),), use_caches=False)
    assert [each.name for each in await engine.installed()] == ["pulled-Q5_K_M", "mine-Q4_0"]
    for reference in ("hf.co/org/repo:Q5_K_M", "org/repo", "https://huggingface.co/org/repo"):
        assert await choose_model(engine, reference) == "pulled-Q5_K_M"
    assert await choose_model(engine, str(tmp_path / "own" / "mine-Q4_0.gguf")) == "mine-Q4_0"
    with pytest.raises(ModelNotFound):
        await choose_model(engine, "org/repo:Q8_0")
    await engine.delete("pulled-Q5_K_M")
    assert [each.name for each in await engine.installed()] == ["mine-Q4_0"]
    await engine.close()


async def test_models_that_only_embed_do_not_generate(tmp_path: Path) -> None:
    put_gguf(tmp_path / "nomic.gguf", "nomic-bert")
    engine = backend(folders=(str(tmp_path),), use_caches=False)
    assert [each.generates for each in await engine.installed()] == [False]
    await engine.close()
