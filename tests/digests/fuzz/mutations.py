"""Seeded damage to real outputs: what terminals, pipes, CI systems and parallel tools do to a text."""

import random
from collections.abc import Callable

from tests.digests import sheets

Mutation = Callable[[bytes, random.Random], bytes]
LONG = 30_000
"""Characters of a very long line."""
_COLOURS = (b"\x1b[31m", b"\x1b[1;38;5;208m", b"\x1b[0m", b"\x1b[2K", b"\x1b]8;;file:///a\x1b\\", b"\x9b1m")
_PREFIXES = (b"2026-11-30T08:00:00.1234567Z ", b"#12 1.204 ", b"web-1  | ", b"[12:00:01] ", b"    ", b"> ")
_ODD = (b"\x0b", b"\x0c", b"\x85", "\u2028".encode(), b"\x00", b"\r", b"\b\b", b"\x7f", b"\t")
_UNITS = (b"a", b"1.", b'\\"', b"(", b"[", b"=", b"x.y:", b"error: ", b"A.b:", b" ", b"/a", b"'", b"0 ", b"-")


def _dropped(data: bytes, chance: random.Random) -> bytes:
    share = chance.choice([0.02, 0.3, 0.9])
    return b"\n".join(line for line in data.split(b"\n") if chance.random() > share)


def _doubled(data: bytes, chance: random.Random) -> bytes:
    times = chance.choice([2, 3, 20])
    return b"\n".join(line for line in data.split(b"\n") for _ in range(chance.choice([1, 1, times])))


def _shuffled(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _cut(data: bytes, chance: random.Random) -> bytes:
    """Keep a part that begins and ends anywhere, perhaps within an escape sequence."""
    coloured = _coloured(data, chance)
    first = chance.randrange(len(coloured))
    return coloured[first : first + chance.randrange(1, len(coloured))] + chance.choice(
        [b"", b"\x1b[3", b"\x1b]8;;"]
    )


def _carriage_returns(data: bytes, chance: random.Random) -> bytes:
    return data.replace(b"\n", chance.choice([b"\r\n", b"\r\r\n", b"\r"]))


def _coloured(data: bytes, chance: random.Random) -> bytes:
    def paint(line: bytes) -> bytes:
        words = [
            word if chance.random() < 0.7 else chance.choice(_COLOURS) + word for word in line.split(b" ")
        ]
        return b" ".join(words)

    return b"\n".join(paint(line) if chance.random() < 0.5 else line for line in data.split(b"\n"))


def _long_lines(data: bytes, chance: random.Random) -> bytes:
    """Join lines, and blow some up with one repeated piece."""
    lines = data.split(b"\n")
    for _ in range(8):
        place = chance.randrange(len(lines))
        unit = chance.choice(_UNITS)
        lines[place] += unit * (LONG // len(unit)) + chance.choice([b"", b"}", b"]", b" failed", b'"'])
    joint = chance.choice([b"\n", b"\n", b" ", b""])
    return b"\n".join(lines[: len(lines) // 2]) + b"\n" + joint.join(lines[len(lines) // 2 :])


def _other_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 50])):
        changed[chance.randrange(len(changed))] = chance.choice([0x80, 0xC3, 0xFF, 0xE9, 0x81, 0xED])
    return bytes(changed)


def _other_encoding(data: bytes, chance: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(chance.choice(["utf-16", "utf-16-le", "utf-8-sig", "cp1252", "utf-32"]), "replace")


def _odd_characters(data: bytes, chance: random.Random) -> bytes:
    parts = [data[start : start + 97] for start in range(0, len(data), 97)]
    return b"".join(part + chance.choice(_ODD) if chance.random() < 0.2 else part for part in parts)


def _prefixed(data: bytes, chance: random.Random) -> bytes:
    prefix = chance.choice(_PREFIXES)
    return b"\n".join(prefix + line for line in data.split(b"\n"))


def _interleaved(data: bytes, chance: random.Random) -> bytes:
    """Mix with another output, as parallel jobs do: line by line, or in the middle of lines."""
    other = sheets.load(chance.choice(sheets.names())).data.split(b"\n")
    lines, mixed = data.split(b"\n"), []
    at = chance.randrange(len(other))
    for line in lines:
        if chance.random() < 0.3:
            more = other[at % len(other)]
            at += 1
            cut = chance.choice([0, 0, 0, len(more) // 2])
            mixed.append(more[:cut] + line if cut else more)
            if cut:
                continue
        mixed.append(line)
    return b"\n".join(mixed)


MUTATIONS: dict[str, Mutation] = {
    "lines dropped": _dropped,
    "lines doubled": _doubled,
    "lines shuffled": _shuffled,
    "cut": _cut,
    "carriage returns": _carriage_returns,
    "coloured": _coloured,
    "long lines": _long_lines,
    "other bytes": _other_bytes,
    "other encoding": _other_encoding,
    "odd characters": _odd_characters,
    "prefixed": _prefixed,
    "interleaved": _interleaved,
}
"""Kinds of damage by name; each takes the bytes of an output that are not empty."""
