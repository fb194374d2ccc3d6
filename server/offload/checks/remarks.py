"""Notices about answers outside a block that may be, or begin with, a remark about the task."""

import re
from collections.abc import Iterator

from server.offload.answers.cleaning import only_sentences
from server.offload.asking.plan import Plan
from server.offload.values import Notice

SHARE_KNOWN = 0.25
"""Share of an answer's words found in the text it replaces, below which it may be just a remark."""
_WORD = re.compile(r"\w+")


def remarks(plan: Plan, answer: str) -> Iterator[Notice]:
    """Yield notices about an answer. Answers in a block or with edit marks get none."""
    if any(mark in answer for mark in ("```", "~~~", "<<<<<<< SEARCH")):
        return
    before = plan.edited.selected if plan.edited is not None else ""
    if _is_instead(answer, before):
        yield Notice("the answer may be a remark instead of the content", likely=True)
    elif line := _line_above(answer, before) if plan.language is None else "":
        yield Notice(f"the first line may be a remark: {line}", likely=True)


def _is_instead(answer: str, before: str) -> bool:
    """Return whether an answer is all sentences and shares hardly any words with the text it replaces."""
    if not only_sentences(answer):
        return False
    words, known = _WORD.findall(answer), set(_WORD.findall(before))
    return sum(word in known for word in words) < SHARE_KNOWN * len(words)


def _line_above(answer: str, before: str) -> str:
    """Return the first line if it introduces the rest with a colon and does not occur in the previous
    text.
    """
    lines = answer.strip("\n").split("\n")
    first = lines[0].strip()
    rest = [line.strip() for line in lines[1:] if line.strip()]
    known = [line.strip() for line in before.split("\n") if line.strip()]
    sentence = first.endswith((":", "：")) and (" " in first or not first.isascii())
    if not sentence or not rest or first in known:
        return ""
    announced = rest[0] == known[0] if known else not lines[1].strip()
    return first if announced else ""
