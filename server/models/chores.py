"""Chores used to measure a model, and how its answers are checked."""

import json
import re
import tomllib
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from server.models.categories import Category
from server.models.chore_run import run_python
from server.models.docstring_check import docstring_error

FILE = Path(__file__).with_name("chores.toml")
JAPANESE = ("HIRAGANA", "KATAKANA", "CJK")
LEAST_SHARE = 0.6
"""Minimum share of an answer's letters that must be in the requested script. Names and units may use others.
"""
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


class Chore(BaseModel):
    """One chore. The fields are described in the comment at the top of ``chores.toml``."""

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
    documents: str = ""
    """Python code that the answer must match apart from an added docstring."""
    max_tokens: int = 300
    """Length limit of the answer."""


@dataclass(frozen=True)
class JudgedChore:
    """A chore with its judge, which returns what is wrong with an answer's code; empty if it is right."""

    chore: Chore
    judge: Callable[[str], Awaitable[str]]


def judged(chore: Chore) -> JudgedChore:
    """Return a chore that is judged by its own fields."""
    return JudgedChore(chore, partial(check_answer, chore))


@cache
def load_chores() -> tuple[Chore, ...]:
    """Return the built-in chores."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["chore"]
    return tuple(
        Chore(**{("json_" if key == "json" else key): value for key, value in entry.items()})
        for entry in entries
    )


async def check_answer(chore: Chore, answer: str) -> str:
    """Return what is wrong with an answer; empty if it is right."""
    text = without_thinking(answer)
    if not text:
        return "empty"
    error = _text_error(chore, text)
    if not error and chore.json_ is not None:
        error = _json_error(chore.json_, text)
    if not error and chore.documents:
        error = docstring_error(chore.documents, code_of(text))
    if not error and chore.python:
        error = await run_python(code_of(text), chore.python)
    return error


def without_thinking(answer: str) -> str:
    """Return an answer without its thinking part."""
    return _THINKING.sub("", answer).strip()


def code_of(text: str) -> str:
    """Return the longest fenced block, or the whole text if there is none."""
    return max(_FENCED.findall(text), key=len, default=text)


def _text_error(chore: Chore, text: str) -> str:
    folded = text.casefold()
    for choices in chore.has:
        if not any(choice.casefold() in folded for choice in choices):
            return f"lacks {choices[0]!r}"
    for word in chore.lacks:
        if word.casefold() in folded:
            return f"has {word!r}"
    if chore.most_words and len(text.split()) > chore.most_words:
        return f"{len(text.split())} words"
    if chore.script and _script_share(text, japanese=chore.script == "japanese") < LEAST_SHARE:
        return f"not in {chore.script} script"
    return ""


def _json_error(wanted: dict[str, Any], text: str) -> str:
    body = code_of(text)
    start, end = body.find("{"), body.rfind("}")
    try:
        found = json.loads(body[start : end + 1])
    except ValueError:
        return "not JSON"
    return "" if found == wanted else f"wrong JSON: {json.dumps(found, ensure_ascii=False)[:100]}"


def _script_share(text: str, *, japanese: bool) -> float:
    letters = [character for character in text if character.isalpha()]
    count = sum(unicodedata.name(letter, "").startswith(JAPANESE) for letter in letters)
    return (count if japanese else len(letters) - count) / max(1, len(letters))
