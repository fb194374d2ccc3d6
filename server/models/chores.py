"""The chores that a model is measured by, and whether an answer to one is right."""

import json
import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from server.models.categories import Category
from server.models.chore_run import run_python

FILE = Path(__file__).with_name("chores.toml")
JAPANESE = ("HIRAGANA", "KATAKANA", "CJK")
MOST = 0.6
"""Share of an answer's letters that must be of the script asked for; names and units are of others."""
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


class Chore(BaseModel):
    """One chore; see the head of ``chores.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    category: Category
    task: str
    python: str = ""
    json_: dict[str, Any] | None = None
    has: tuple[tuple[str, ...], ...] = ()
    lacks: tuple[str, ...] = ()
    most_words: int = 0
    script: Literal["", "japanese", "latin"] = ""


@cache
def load_chores() -> tuple[Chore, ...]:
    """Return the shipped chores."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["chore"]
    return tuple(
        Chore(**{("json_" if key == "json" else key): value for key, value in entry.items()})
        for entry in entries
    )


async def judge(chore: Chore, answer: str) -> str:
    """Return what is wrong with an answer, empty where it is right."""
    text = _THOUGHT.sub("", answer).strip()
    if not text:
        return "empty"
    wrong = _wrong_text(chore, text)
    if not wrong and chore.json_ is not None:
        wrong = _wrong_json(chore.json_, text)
    if not wrong and chore.python:
        wrong = await run_python(_code(text), chore.python)
    return wrong


def _wrong_text(chore: Chore, text: str) -> str:
    folded = text.casefold()
    for choices in chore.has:
        if not any(choice.casefold() in folded for choice in choices):
            return f"lacks {choices[0]!r}"
    for word in chore.lacks:
        if word.casefold() in folded:
            return f"has {word!r}"
    if chore.most_words and len(text.split()) > chore.most_words:
        return f"{len(text.split())} words"
    if chore.script and _share(text, japanese=chore.script == "japanese") < MOST:
        return f"not in {chore.script} script"
    return ""


def _wrong_json(wanted: dict[str, Any], text: str) -> str:
    body = _code(text)
    start, end = body.find("{"), body.rfind("}")
    try:
        found = json.loads(body[start : end + 1])
    except ValueError:
        return "not JSON"
    return "" if found == wanted else f"wrong JSON: {json.dumps(found, ensure_ascii=False)[:100]}"


def _share(text: str, *, japanese: bool) -> float:
    letters = [character for character in text if character.isalpha()]
    of_japan = sum(unicodedata.name(letter, "").startswith(JAPANESE) for letter in letters)
    return (of_japan if japanese else len(letters) - of_japan) / max(1, len(letters))


def _code(text: str) -> str:
    """Return the longest fenced block, else the whole text."""
    return max(_FENCED.findall(text), key=len, default=text)
