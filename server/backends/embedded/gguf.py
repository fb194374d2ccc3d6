"""GGUF header reader: reads a file's metadata without the weights.

The format is specified in ggml's ``docs/gguf.md``: magic, version, tensor count, then key/value pairs, all
little-endian. Arrays longer than ``LONG_ARRAY`` (vocabularies) are replaced by their length.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from server.backends.base import InstalledModel
from server.common.errors import BackendFailed

MAGIC = b"GGUF"
LONG_ARRAY = 1024
# A header with more pairs or longer text is damaged or hostile. Real headers have about 30 pairs.
MOST_PAIRS = 10_000
LONGEST_TEXT = 16 * 2**20
LONGEST_ARRAY = 10_000_000
STRING, ARRAY = 8, 9
PIECE = 2**18
"""Number of vocabulary bytes to read at a time."""
NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

# `llama_ftype` in llama.cpp's `include/llama.h`: the type of most of a file's tensors.
FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    32: "BF16",
}


_EMBEDDING = frozenset({"bert", "nomic-bert", "jina-bert-v2", "clip", "gemma-embedding", "modern-bert"})
"""Architectures that do not generate text."""


def describe_gguf(path: Path, name: str, files: Sequence[Path]) -> InstalledModel:
    """Describe the model in ``files`` from the header of the first file, ``path``. If the header is damaged,
    only the name and size are known.

    Raises:
        OSError: the file cannot be read.
    """
    size = sum(each.stat().st_size for each in files)
    try:
        header = read_gguf(path)
    except BackendFailed:
        return InstalledModel(name, size)
    family = str(header.get("general.architecture", ""))
    context = header.get(f"{family}.context_length")
    file_type = header.get("general.file_type")
    return InstalledModel(
        name,
        size,
        parameters=str(header.get("general.size_label", "")),
        quantization=FILE_TYPES.get(file_type, "") if isinstance(file_type, int) else "",
        family=family,
        context_length=context if isinstance(context, int) else 0,
        generates=family not in _EMBEDDING,
        license=str(header.get("general.license", "")),
    )


def read_gguf(path: Path) -> Mapping[str, Any]:
    """Return the metadata by key, in the format of Ollama's ``model_info``. Long arrays, such as
    ``tokenizer.ggml.tokens``, are replaced by their length. An unchanged file is read only once.

    Raises:
        BackendFailed: the file is not a GGUF file, or is truncated.
        OSError: the file cannot be read.
    """
    found = path.stat()
    return _read_file(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=16)
def _read_file(path: Path, _changed_at: int, _size: int) -> Mapping[str, Any]:
    with path.open("rb") as file:
        try:
            return MappingProxyType(_read_header(file))
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise BackendFailed(
                f"{path.name} is not a complete GGUF file: {error}.", "Download the model again."
            ) from None


def _read_header(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise ValueError("it does not start with GGUF")
    version = _number(file, "<I")
    if version < 2:
        raise ValueError(f"version {version} is no longer in use")
    _number(file, "<Q")  # the number of tensors
    pairs = _number(file, "<Q")
    if pairs > MOST_PAIRS:
        raise ValueError(f"it claims {pairs} metadata pairs")
    return {_text(file): _value(file, _number(file, "<I")) for _ in range(pairs)}


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _text(file)
    if kind == ARRAY:
        return _array(file)
    if kind not in NUMBERS:
        raise ValueError(f"value type {kind} is unknown")
    return _number(file, NUMBERS[kind])


def _array(file: BinaryIO) -> Any:
    kind, length = _number(file, "<I"), _number(file, "<Q")
    if length > LONGEST_ARRAY or (kind != STRING and kind not in NUMBERS):
        raise ValueError(f"an array of {length} values of type {kind}")
    if length <= LONG_ARRAY:
        return [_value(file, kind) for _ in range(length)]
    if kind == STRING:
        _skip_texts(file, length)
    else:
        file.seek(struct.calcsize(NUMBERS[kind]) * length, 1)
    return length


def _skip_texts(file: BinaryIO, count: int) -> None:
    """Skip ``count`` strings in large chunks, because a vocabulary has over a hundred thousand strings of a
    few bytes each.
    """
    length_of = struct.Struct("<Q").unpack_from
    piece, at = b"", 0
    for _ in range(count):
        if len(piece) < at + 8:
            file.seek(min(0, at - len(piece)), 1)
            piece, at = file.read(PIECE), 0
        at += 8 + _checked_length(length_of(piece, at)[0])
        if at > len(piece):
            file.seek(at - len(piece), 1)
            piece, at = b"", 0
    file.seek(at - len(piece), 1)


def _text(file: BinaryIO) -> str:
    length = _length(file)
    data = file.read(length)
    if len(data) < length:
        raise ValueError("it ends in the middle of a string")
    return data.decode()


def _length(file: BinaryIO) -> int:
    return _checked_length(_number(file, "<Q"))


def _checked_length(length: int) -> int:
    if length > LONGEST_TEXT:
        raise ValueError(f"a string of {length} bytes")
    return length


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
