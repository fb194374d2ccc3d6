"""Offline estimates of Claude's token counts.

There is no public tokenizer for current Claude models. A linear model over counted text features comes close:
``tokens = sum(count x coefficient)``. Each of the two tokenizer families has its own coefficients, fitted to
15,134 token counts reported by the API (``tests/data/calibration.csv.gz``; ``python -m tests.ledger.refit``
refits them). Family A is Claude up to 4.6. Family B, from 4.7 on, counts about a third more. For English text
and code, 9 in 10 items over 1,000 tokens are within 10 %. The coefficients for non-Latin scripts are
unvalidated assumptions.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

Family = Literal["A", "B"]
NEWEST: Family = "B"
# The last version with the tokenizer of family A.
_LAST_OF_A = (4, 6)
# Only Claude 4.7 uses about 15.6 more tokens per tool call.
_COSTLY_CALLS = (4, 7)
# A tool's definition takes about 1.2 x the estimate of its compact JSON (± 20 %), measured.
DEFINITION_FACTOR = 1.2
# Tokens in family B per token in family A, from both estimates of all items in the calibration table. For 9
# in 10 items, the ratio is between 1.19 and 1.48.
_B_FOR_A = 1.33

MEDIAN_ERROR: dict[Family, float] = {"A": 0.030, "B": 0.038}
"""Median error of the estimate by family, for items of at least 100 tokens from projects that the fit had not
seen (``tests/data/calibration.md``).
"""

_VERSION = re.compile(r"(?<![0-9a-z])(\d{1,2})(?:[.-](\d{1,2}))?(?![0-9])")

_UPPER = bytes(range(ord("A"), ord("Z") + 1))
_LOWER = _UPPER.lower()
_DIGITS = b"0123456789"
_PUNCTUATION = bytes(each for each in range(0x21, 0x7F) if not chr(each).isalnum())
_BLANK = b" \t"
_ASCII = bytes(range(128))
# Word boundaries: a (letter), s (whitespace except the space), a space, x (anything else).
_AROUND_SPACE = bytes(
    ord("a")
    if chr(byte).isalpha() and byte < 128
    else ord(" ")
    if byte == 32
    else ord("s")
    if byte < 128 and chr(byte).isspace()
    else ord("x")
    for byte in range(256)
)
_CAMEL = re.compile(rb"[a-z][A-Z]|[A-Z]{2}[a-z]")
# Four marks spelt out plus any more, because patterns that begin with a literal are many times faster than
# "{4,}".
_FOURFOLD = tuple(
    (mark * 4, re.compile(re.escape(mark) * 4 + re.escape(mark) + b"*"))
    for mark in (bytes([byte]) for byte in _PUNCTUATION)
)
_WIDE_SPACE = re.compile(r"[^\x00-\x7f] [A-Za-z]")

# Ranges of scripts beyond ASCII, in order. The first range that contains the character counts.
_SCRIPTS = (
    (0x3400, 0x9FFF, "han"),
    (0xF900, 0xFAFF, "han"),
    (0x3040, 0x30FF, "kana"),
    (0xAC00, 0xD7AF, "hang"),
    (0x3000, 0x303F, "cjkp"),
    (0xFF00, 0xFFEF, "cjkp"),
    (0x0080, 0x024F, "lat"),
    (0x0370, 0x052F, "cyr"),
    (0x2500, 0x259F, "box"),
    (0x2000, 0x2BFF, "sym"),
    (0x10000, 0x10FFFF, "astral"),
)
SCRIPT_FEATURES = (
    "han",
    "kana",
    "hang",
    "cjkp",
    "lat",
    "cyr",
    "oth",
    "sym",
    "box_n",
    "box_r",
    "astral",
)


REMEMBERED = 20_000
"""Maximum length of text whose estimate is cached (characters). The cache takes up at most 5 MB."""


def estimate_tokens(text: str, family: Family) -> float:
    """Return the estimated tokens of the text, without framing."""
    return _remembered(text, family) if len(text) <= REMEMBERED else _weigh(count_features(text), family)


@lru_cache(maxsize=256)
def _remembered(text: str, family: Family) -> float:
    """Cached version of ``estimate_tokens``, because a single offload prices the same text several times."""
    return _weigh(count_features(text), family)


def estimate_call(arguments: Mapping[str, Any], family: Family, model: str = "") -> float:
    """Return the estimated output tokens of a tool call: its framing, parameter names and values.

    Strings count as raw text, other values as compact JSON. The tool name is part of the framing. ``model``
    matters only for Claude 4.7.
    """
    framing = {
        "c_use": 1,
        "c_use47": int(model_version(model) == _COSTLY_CALLS),
        "c_par": len(arguments),
        "c_keyname": sum(len(key) for key in arguments),
    }
    values = sum(estimate_tokens(_raw(value), family) for value in arguments.values())
    return _weigh(framing, family) + values


def estimate_result(text: str, family: Family, error: bool = False) -> float:
    """Return the estimated input tokens of a tool result."""
    return _weigh({"c_res": 1, "c_err": int(error)}, family) + estimate_tokens(text, family)


def estimate_message_text(text: str, family: Family, first: bool = True) -> float:
    """Return the estimated output tokens of message text. ``first`` adds the framing."""
    return _weigh({"c_text": int(first)}, family) + estimate_tokens(text, family)


def estimate_definition(definition: Mapping[str, Any], family: Family) -> float:
    """Return the estimated input tokens of a tool definition (name, description, input_schema)."""
    return DEFINITION_FACTOR * estimate_tokens(_raw(definition), family)


def estimate_definitions(definitions: Iterable[Mapping[str, Any]], instructions: str, family: Family) -> int:
    """Return the size of a server's definitions and instructions in Claude's context, in tokens."""
    tools = sum(estimate_definition(definition, family) for definition in definitions)
    return int(tools + estimate_tokens(instructions, family) + 0.5)


def family_of(model: str) -> Family:
    """Return a Claude model's tokenizer family, based on its name. Unknown names get the newest family."""
    version = model_version(model)
    return "A" if version is not None and version <= _LAST_OF_A else NEWEST


def rescale(tokens: float, counted_as: Family, wanted: Family) -> float:
    """Convert a token count from one family to another, approximately (see the factor above)."""
    if counted_as == wanted:
        return tokens
    return tokens * _B_FOR_A if wanted == "B" else tokens / _B_FOR_A


@lru_cache(maxsize=256)
def model_version(model: str) -> tuple[int, int] | None:
    """Return the version in a model's name; None if there is none.

    Dates are ignored: ``claude-sonnet-4-20250514`` is 4.0, ``claude-3-5-haiku@20241022`` is 3.5.
    """
    match = _VERSION.search(model.lower())
    return (int(match[1]), int(match[2] or 0)) if match else None


def count_features(text: str) -> dict[str, int]:
    """Return the count of every text feature, as in the calibration table.

    ``words`` runs of ASCII letters · ``wsp`` words after a single space · ``wlen`` letters · ``wlong``
    letters after the eighth of a word · ``camel`` humps · ``caps`` capitals in runs · ``dig`` and
    ``digruns`` digits and runs of digits · ``punct`` and ``pruns`` punctuation and runs of it · ``rep_n`` and
    ``rep_c`` runs of one mark four times or more, and their characters (not in ``punct``) · ``nl`` runs of
    newlines and ``nlx`` their newlines after the first · ``sprun`` and ``spchars`` runs of two or more blanks
    and their characters · then characters by script; ``box_r`` repeats of the preceding box character.

    Works on the UTF-8 bytes with whole-text ``bytes`` operations, which run at C speed. Non-ASCII bytes end
    every run, as their characters would.
    """
    data = text.encode("utf-8", "surrogatepass")
    letters = _Runs(data, _UPPER + _LOWER)
    capitals = _Runs(data, _UPPER)
    digits = _Runs(data, _DIGITS)
    punctuation = _Runs(data, _PUNCTUATION)
    newlines = _Runs(data, b"\n")
    blanks = _Runs(data, _BLANK)
    repeats, repeated = _count_repeats(data)
    features = {
        "words": letters.runs,
        "wsp": _count_spaced_words(text, data),
        "wlen": letters.members,
        "wlong": letters.beyond_eighth,
        "camel": len(_CAMEL.findall(data)),
        "caps": capitals.members - capitals.single_runs,
        "dig": digits.members,
        "digruns": digits.runs,
        "punct": punctuation.members - repeated,
        "pruns": punctuation.runs,
        "rep_n": repeats,
        "rep_c": repeated,
        "nl": newlines.runs,
        "nlx": newlines.members - newlines.runs,
        "sprun": blanks.runs - blanks.single_runs,
        "spchars": blanks.members - blanks.single_runs,
        **dict.fromkeys(SCRIPT_FEATURES, 0),
    }
    if len(data) > len(text):
        features |= _count_scripts(data)
    return features


@cache
def _membership(members: bytes) -> bytes:
    """Return a translation table that maps a byte to 1 if it is in ``members``, otherwise to 0."""
    return bytes(byte in members for byte in range(256))


class _Runs:
    """The runs of certain ASCII characters in text, as one large integer: a byte is 1 where the text has a
    member, otherwise 0. Shifting the integer by one byte compares every character with its neighbour in one
    step.
    """

    def __init__(self, data: bytes, members: bytes) -> None:
        self._bits = int.from_bytes(data.translate(_membership(members)), "little")
        self._starts = self._bits & ~(self._bits << 8)
        self.members = self._bits.bit_count()
        self.runs = self._starts.bit_count()

    @property
    def single_runs(self) -> int:
        """Return the number of single-character runs."""
        return self.runs - (self._starts & (self._bits >> 8)).bit_count()

    @property
    def beyond_eighth(self) -> int:
        """Return the number of members preceded by at least eight other members of their run."""
        two = self._bits & (self._bits >> 8)
        four = two & (two >> 16)
        eight = four & (four >> 32)
        return (eight & (self._bits >> 64)).bit_count()


def _count_spaced_words(text: str, data: bytes) -> int:
    """Count letters after a space that follows a non-whitespace character."""
    classes = data.translate(_AROUND_SPACE)
    behind_space = classes.count(b" a")
    behind_whitespace = classes.count(b"s a") + classes.count(b"  a") + classes.startswith(b" a")
    if len(data) > len(text):  # no-break spaces and similar characters are whitespace, too
        behind_whitespace += sum(match[0].isspace() for match in _WIDE_SPACE.findall(text))
    return behind_space - behind_whitespace


def _count_repeats(data: bytes) -> tuple[int, int]:
    """Return the number of runs of four or more identical punctuation marks, and the characters in them."""
    lengths = [len(run) for four, runs in _FOURFOLD if four in data for run in runs.findall(data)]
    return len(lengths), sum(lengths)


def _count_scripts(data: bytes) -> dict[str, int]:
    """Count non-ASCII characters by script."""
    rest = data.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    counts = dict.fromkeys(SCRIPT_FEATURES, 0)
    for char, count in Counter(rest).items():
        script = _script(ord(char))
        if script == "box":
            runs = len(re.findall(f"{char}+", rest))
            counts["box_n"] += runs
            counts["box_r"] += count - runs
        else:
            counts[script] += count
    return counts


@cache
def _script(code: int) -> str:
    return next((name for first, last, name in _SCRIPTS if first <= code <= last), "oth")


def _weigh(features: Mapping[str, int], family: Family) -> float:
    vector = coefficients()[family]
    return sum(count * vector[feature] for feature, count in features.items() if count)


@cache
def coefficients() -> dict[str, dict[str, float]]:
    """Return the fitted coefficients, ``{family: {feature: tokens each}}``."""
    text = (files("server.ledger") / "coefficients.json").read_text(encoding="utf-8")
    loaded: dict[str, dict[str, float]] = json.loads(text)
    return loaded


def _raw(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
