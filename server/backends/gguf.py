"""The header of a GGUF file: its metadata, without the weights.

The format is specified in ggml's ``docs/gguf.md``: magic, version, tensor count, then key/value pairs,
little-endian. Arrays longer than ``LONG_ARRAY`` (vocabularies) are replaced by their length.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from server.errors import BackendFailed

MAGIC = b"GGUF"
LONG_ARRAY = 1024
# A header with more pairs, or a longer text, is damaged or hostile; real ones have some 30 pairs.
MOST_PAIRS = 10_000
LONGEST_TEXT = 16 * 2**20
LONGEST_ARRAY = 10_000_000
STRING, ARRAY = 8, 9
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


def read_gguf(path: Path) -> Mapping[str, Any]:
    """Return the metadata by key, as Ollama's ``model_info`` gives it; ``tokenizer.ggml.tokens`` and
    other long arrays as their length.

    Raises:
        BackendFailed: the file is not a GGUF file, or ends too early.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _read_header(file)
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise BackendFailed(
                f"{path.name} is not a whole GGUF file: {error}.", "Download the model again."
            ) from None


def _read_header(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise ValueError("it does not begin with GGUF")
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
    if length > LONGEST_ARRAY or kind == ARRAY:
        raise ValueError(f"an array of {length} values of type {kind}")
    if length <= LONG_ARRAY:
        return [_value(file, kind) for _ in range(length)]
    if kind == STRING:
        for _ in range(length):
            file.seek(_length(file), 1)
    else:
        file.seek(struct.calcsize(NUMBERS[kind]) * length, 1)
    return length


def _text(file: BinaryIO) -> str:
    length = _length(file)
    data = file.read(length)
    if len(data) < length:
        raise ValueError("it ends inside a text")
    return data.decode()


def _length(file: BinaryIO) -> int:
    length: int = _number(file, "<Q")
    if length > LONGEST_TEXT:
        raise ValueError(f"a text of {length} bytes")
    return length


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
