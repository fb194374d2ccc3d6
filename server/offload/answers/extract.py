"""Takes a model's answer apart: thoughts, fences and chatter off, the code or text itself out.

Nothing is guessed: an answer that could mean two things is a ``Muddled`` one, and the model is asked
again.
"""

import re
from dataclasses import dataclass

from server.backends.thinking import TAGS
from server.offload.code.languages import Language, named_language

_FENCE = re.compile(r"^ {0,3}(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_CHATTER = re.compile(
    r"(sure|certainly|of course|okay|ok|here(?:'s| is| are)|below is|the following|this is|i have|i've|"
    r"to (?:complete|do|solve)|explanation|note)\b.*",
    re.IGNORECASE,
)
_CODE_LIKE = re.compile(r"[{}();=<>\[\]#@]|^\s")
_OTHER_FENCES = frozenset({"bash", "sh", "shell", "console", "text", "plaintext", "output", "txt"})


class Muddled(Exception):
    """The answer does not say clearly which part of it is the result."""


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind the backticks, and what is inside."""

    info: str
    text: str


def without_thinking(text: str) -> tuple[str, str]:
    """Return the answer, and the thoughts that a model left in front of it between tags."""
    begun = text.lstrip()
    for opening, closing in TAGS:
        if begun.startswith(opening):
            thought, found, answer = begun.removeprefix(opening).partition(closing)
            return (answer.lstrip("\n") if found else "", thought)
        # Some templates open the thought themselves, so that only its end is in the text.
        thought, found, answer = text.partition(f"{closing}\n")
        if found and opening not in thought and "```" not in thought:
            return answer.lstrip("\n"), thought
    return text, ""


def code_of(text: str, language: Language | None, fence: str = "") -> str:
    """Return the code in an answer: the content of its only block, or all of it where there is none.

    Raises:
        Muddled: there are several blocks that could be meant, or none and only chatter.
    """
    blocks = _blocks(text)
    if not blocks:
        return _without_chatter(text)
    meant = _meant(blocks, language, fence)
    if len(meant) == 1 or len({block.text for block in meant}) == 1:
        return meant[0].text
    raise Muddled(
        f"The answer has {len(meant)} blocks of code; put the whole result into one block and nothing else."
    )


def all_code_of(text: str) -> str:
    """Return the code of all blocks together, or the whole answer where there is none."""
    return "\n\n".join(block.text for block in _blocks(text)) or _without_chatter(text)


def prose_of(text: str) -> str:
    """Return a text: without a fence around the whole of it and without a line of chatter in front."""
    text = text.strip("\n")
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if len(lines) - first > 3 and _is_introduction(lines[first]) and not lines[first + 1].strip():
        lines = lines[first + 1 :]
        while lines and not lines[0].strip():
            lines.pop(0)
    opening = _FENCE.match(lines[0]) if lines else None
    closing = next((i for i in range(len(lines) - 1, 0, -1) if lines[i].strip()), 0)
    if opening and lines[closing].strip() == opening["marks"] and _wraps(lines[: closing + 1]):
        lines = lines[1:closing]
    return "\n".join(lines)


def _wraps(lines: list[str]) -> bool:
    """Whether the first fence closes with the last line, rather than somewhere before."""
    info = (_FENCE.match(lines[0]) or {"info": ""})["info"].strip().lower()
    inner = sum(1 for line in lines[1:-1] if _FENCE.match(line))
    return inner == 0 or (inner % 2 == 0 and info in ("markdown", "md", "text", "txt", ""))


def _blocks(text: str) -> list[Block]:
    """Return the fenced blocks; a fence with a name inside a block opens one within it."""
    blocks: list[Block] = []
    info, marks, depth = "", "", 0
    inside: list[str] = []
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if depth == 0:
            if fence:
                info, marks, depth, inside = fence["info"].strip(), fence["marks"], 1, []
            continue
        if fence and fence["marks"][0] == marks[0] and len(fence["marks"]) >= len(marks):
            depth += 1 if fence["info"].strip() else -1
            if depth == 0:
                blocks.append(Block(info, "\n".join(inside)))
                continue
        inside.append(line)
    if depth:
        blocks.append(Block(info, "\n".join(inside)))
    return blocks


def _meant(blocks: list[Block], language: Language | None, fence: str) -> list[Block]:
    """Return the blocks that can be the result: those of its language, else those of none other."""
    if len(blocks) == 1:
        return blocks
    wanted = [block for block in blocks if _is_named(block, language, fence)]
    if wanted:
        return wanted
    return [block for block in blocks if _name(block) not in _OTHER_FENCES] or blocks


def _is_named(block: Block, language: Language | None, fence: str) -> bool:
    if language is not None:
        return named_language(_name(block)) == language
    return bool(fence) and _name(block) == fence


def _name(block: Block) -> str:
    return block.info.split()[0].lower() if block.info else ""


def _without_chatter(text: str) -> str:
    lines = text.strip("\n").split("\n")
    if len(lines) > 1 and _is_introduction(lines[0]):
        lines = lines[1:]
        while lines and not lines[0].strip():
            lines.pop(0)
    return "\n".join(lines).rstrip()


def _is_introduction(line: str) -> bool:
    return (
        line.rstrip().endswith(":") and bool(_CHATTER.fullmatch(line.strip())) and not _CODE_LIKE.search(line)
    )
