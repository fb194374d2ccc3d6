"""Reader of GGUF headers, valid and damaged."""

import struct
from pathlib import Path

import pytest

from server.backends.base import InstalledModel
from server.backends.embedded.gguf import describe_gguf, read_gguf
from server.common.errors import BackendFailed


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words.encode())) + words.encode()


def gguf(path: Path, *pairs: bytes) -> Path:
    """Write a file with these metadata pairs and no tensors."""
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs))
    return path


def described(path: Path) -> InstalledModel:
    """Return the model of one file."""
    return describe_gguf(path, path.stem, [path])


ARCHITECTURE = text("general.architecture") + struct.pack("<I", 8) + text("llama")
FILE_TYPE = text("general.file_type")


def test_metadata_is_read(tmp_path: Path) -> None:
    words = text("some.words") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    path = gguf(tmp_path / "small.gguf", ARCHITECTURE, FILE_TYPE + struct.pack("<II", 4, 15), words)
    assert read_gguf(path)["some.words"] == ["a", "b"]
    found = described(path)
    assert (found.name, found.family, found.quantization) == ("small", "llama", "Q4_K_M")


@pytest.mark.parametrize("length", [3, 3_000])
def test_array_of_an_unknown_type_is_an_error(tmp_path: Path, length: int) -> None:
    odd = text("odd") + struct.pack("<IIQ", 9, 99, length)
    path = gguf(tmp_path / "odd.gguf", ARCHITECTURE, odd)
    with pytest.raises(BackendFailed, match="not a complete GGUF file"):
        read_gguf(path)
    assert described(path).name == "odd"


def test_invalid_file_type_has_no_name(tmp_path: Path) -> None:
    path = gguf(tmp_path / "list.gguf", ARCHITECTURE, FILE_TYPE + struct.pack("<IIQI", 9, 4, 1, 15))
    assert described(path).quantization == ""
