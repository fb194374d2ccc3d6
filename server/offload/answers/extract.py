"""Extracts the code or text from an answer, leaving out fences, labels and chatter.

Nothing is guessed: an ambiguous answer raises ``Muddled``, and the model is asked again. Text inside a block
is never altered, except that a first line is dropped if it only repeats the language's name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from server.offload.answers.cleaning import without_thinking
from server.offload.code.languages import Language, named_language
from server.offload.code.syntax import problems

__all__ = ["Block", "Content", "Muddled", "all_code_of", "code_of", "text_of_file", "without_thinking"]

_FENCE = re.compile(r"^ {0,3}(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")
_OTHER_FENCES = frozenset({"bash", "sh", "shell", "console", "text", "plaintext", "output", "txt"})
_WRAPPING = frozenset({"markdown", "md", "text", "txt", "plaintext", "mdx", "rst", "adoc", "asciidoc", ""})
_LABEL = re.compile(
    r"^\W*(?:(?:FILE|File|file|Path|path|Filename|filename)\s*:?\s*)?\W*"
    r"(?P<path>[\w.\-][\w./\\\-+\[\]]*\.\w{1,10}|Makefile|Dockerfile)\W*:?\s*$"
)


class Muddled(Exception):
    """It is unclear which part of the answer is the result."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the info string, the line above it, and the text inside."""

    info: str
    text: str
    label: str = ""

    @property
    def path(self) -> str:
        """The file named in the block's label, or empty if there is no label."""
        words = self.info.split()
        for word in (*words[1:], *(words[0].split(":", 1)[1:] if words else ())):
            plain = word.removeprefix("title=").removeprefix("file=").strip("\"'{}")
            if re.fullmatch(r"[\w.\-][\w./\\\-]*\.\w{1,10}", plain):
                return str(plain)
        found = _LABEL.match(self.label) if self.label else None
        return str(found["path"]) if found else ""


@dataclass(frozen=True)
class Content:
    """The content of a file. ``fenced`` is true if it came from a block, so its start and end are certain."""

    text: str
    fenced: bool


def code_of(text: str, language: Language | None, fence: str = "", known: str = "") -> str:
    """Return the code in an answer: the content of its only block, or the whole answer if it has no block.

    Raises:
        Muddled: several blocks could be the result, or the answer is just chatter, with no block.
    """
    return _code(text, language, fence, known).text


def text_of_file(
    text: str, file_name: str, language: Language | None, fence: str = "", known: str = ""
) -> Content:
    """Return the new content of a file. ``known`` is the current content.

    Raises:
        Muddled: the content cannot be determined, or its label names another file.
    """
    if language is not None:
        content = _code(text, language, fence, known, file_name)
    else:
        content = _prose(text, file_name, fence, known)
    return content


def all_code_of(text: str, language: Language) -> str:
    """Return the code from all blocks joined together, or the whole answer if it has none."""
    return "\n\n".join(block.text for block in _blocks(text)) or _parsed(text, language)


def _code(text: str, language: Language | None, fence: str, known: str, file_name: str = "") -> Content:
    if "```" in known or "~~~" in known:
        outer = _outer(text, lambda _info: True)
        if outer is not None:
            return Content(outer, fenced=True)
    blocks = _blocks(text)
    if not blocks:
        return Content(_parsed(text, language), fenced=False)
    meant = _meant(_own(blocks, file_name), language, fence)
    if len(meant) == 1 or len({block.text for block in meant}) == 1:
        return Content(meant[0].text, fenced=True)
    raise Muddled(
        f"The answer has {len(meant)} blocks of code; put the whole result into one block and nothing else."
    )


def _prose(text: str, file_name: str, fence: str, known: str) -> Content:
    """Return the prose in an answer: the content of the single block around it, or else the whole answer."""
    text = text.strip("\n")
    suffix = PurePath(file_name).suffix.lower()
    first = next((line for line in known.split("\n") if line.strip()), "")
    answered = next((line for line in text.split("\n") if line.strip()), "")
    if first and _FENCE.match(first) and answered.strip() == first.strip():
        return Content(text, fenced=False)  # the file itself starts with a block

    blocks = _blocks(text)
    alone = len(blocks) == 1 and _holds(blocks[0].text, known)

    def wraps(info: str) -> bool:
        word = info.split(maxsplit=1)[0].lower() if info.split() else ""
        return alone or suffix not in _PROSE or word in _WRAPPING or word == fence or file_name in info

    before = _before_fence(text)
    if before is not None and _is_beside(before, known):
        outer = _outer(text, wraps)
        if outer is not None:
            blocks = _own(blocks, file_name)
            several = len({block.text for block in blocks}) > 1
            if suffix not in _PROSE and several and not _nests(text):
                meant = _meant(blocks, None, fence)
                if len({block.text for block in meant}) > 1:
                    raise Muddled("The answer has several blocks; put the whole result into one.")
                return Content(meant[0].text, fenced=True)
            return Content(outer, fenced=True)
    return Content(_from_title(text) if suffix in _MARKDOWN and not first else text, fenced=False)


def _holds(block: str, known: str) -> bool:
    """Return whether a block is the whole file: it holds most of the file's lines, and the file itself
    contains no block.
    """
    lines = [line.strip() for line in known.split("\n") if line.strip()]
    if not lines or any(_FENCE.match(line) for line in lines):
        return False
    given = {line.strip() for line in block.split("\n")}
    return 2 * sum(line in given for line in lines) >= len(lines)


def _from_title(text: str) -> str:
    """Return new Markdown text without the lead-in line that ends in a colon and precedes its title."""
    lines = text.split("\n")
    filled = [index for index, line in enumerate(lines) if line.strip()]
    announced = len(filled) > 1 and lines[filled[0]].rstrip().endswith(":")
    return "\n".join(lines[filled[1] :]) if announced and lines[filled[1]].startswith("# ") else text


_MARKDOWN = frozenset({".md", ".markdown", ".mdx"})
_PROSE = frozenset({".md", ".markdown", ".mdx", ".txt", ".rst", ".adoc", ".org"})


def _before_fence(text: str) -> list[str] | None:
    """Return the lines before the first fence, or None if there is no fence."""
    lines = text.split("\n")
    at = next((index for index, line in enumerate(lines) if _FENCE.match(line)), None)
    return None if at is None else [line.strip() for line in lines[:at] if line.strip()]


def _is_beside(lines: list[str], known: str) -> bool:
    """Return whether the lines before a block are chatter, meaning a few lines that do not occur in the
    file.
    """
    if len(lines) > 3 or any(line.startswith("#") and not _LABEL.match(line) for line in lines):
        return False
    own = {line.strip() for line in known.split("\n")}
    return not any(line in own for line in lines)


def _outer(text: str, wraps: Callable[[str], bool]) -> str | None:
    """Return the text between the first fence and the last one that can close it."""
    lines = text.split("\n")
    start = next((index for index, line in enumerate(lines) if _FENCE.match(line)), None)
    if start is None:
        return None
    opening = _FENCE.match(lines[start])
    if opening is None or not wraps(opening["info"].strip()):
        return None
    marks = opening["marks"]
    closing = [
        index
        for index in range(start + 1, len(lines))
        if (found := _FENCE.match(lines[index]))
        and found["marks"][0] == marks[0]
        and len(found["marks"]) >= len(marks)
        and not found["info"].strip()
    ]
    if not closing:
        return "\n".join(lines[start + 1 :])
    inner = [
        index
        for index in range(start + 1, closing[-1])
        if (found := _FENCE.match(lines[index]))
        and found["marks"][0] == marks[0]
        and len(found["marks"]) >= len(marks)
    ]
    if len(inner) % 2:
        raise Muddled("It is not clear where the block ends; put more backticks around all of it.")
    tail = [line for line in lines[closing[-1] + 1 :] if line.strip()]
    if len(tail) > 12:
        raise Muddled("It is not clear which part is the content; put the whole result into one block.")
    return "\n".join(lines[start + 1 : closing[-1]])


def _nests(text: str) -> bool:
    """Return whether the first block contains all other blocks."""
    lines = text.split("\n")
    fences = [line for line in lines if _FENCE.match(line)]
    return len(fences) > 2 and bool(fences[0].strip("`~ ")) and fences[0].strip("`~ ").lower() in _WRAPPING


def _own(blocks: list[Block], file_name: str) -> list[Block]:
    """Return the blocks for this file, judged by their labels.

    Raises:
        Muddled: all blocks are labelled for other files.
    """
    base = PurePath(file_name.replace("\\", "/")).name
    if not base:
        return blocks
    labelled = [block for block in blocks if block.path]
    other = [block for block in labelled if PurePath(block.path.replace("\\", "/")).name != base]
    own = [block for block in blocks if block not in other]
    if other and not own:
        raise Muddled(f"The answer is for {other[0].path}; give the content of {base}.")
    return [block for block in own if block.path] or own


def _blocks(text: str) -> list[Block]:
    """Return the fenced blocks. A fence with an info string inside a block opens a nested block."""
    blocks: list[Block] = []
    info, marks, label, depth = "", "", "", 0
    inside: list[str] = []
    above = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line)
        if depth == 0:
            if fence:
                info, marks, depth, inside, label = fence["info"].strip(), fence["marks"], 1, [], above
            elif line.strip():
                above = line.strip()
            continue
        if fence and fence["marks"][0] == marks[0] and len(fence["marks"]) >= len(marks):
            depth += 1 if fence["info"].strip() else -1
            if depth == 0:
                blocks.append(Block(info, "\n".join(_without_name(info, inside)), label=label))
                above = ""
                continue
        inside.append(line)
    if depth:
        blocks.append(Block(info, "\n".join(_without_name(info, inside)), label=label))
    return blocks


def _without_name(info: str, lines: list[str]) -> list[str]:
    """Return a block's lines without a first line that repeats the name after the fence. Some engines write
    such a line. In a shell, the name is a command.
    """
    name = info.lower()
    repeats = len(lines) > 1 and lines[0].strip().lower() == name
    is_code = named_language(name) is not None and name not in _OTHER_FENCES
    return lines[1:] if repeats and is_code else lines


def _meant(blocks: list[Block], language: Language | None, fence: str) -> list[Block]:
    """Return the blocks that could be the result: those in the result's language, or else those without a
    language.
    """
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


def _parsed(text: str, language: Language | None) -> str:
    """Return unfenced code without its first line, if it parses only without that line."""
    lines = text.strip("\n").split("\n")
    rest = "\n".join(lines[1:]).strip("\n").rstrip()
    whole = "\n".join(lines).rstrip()
    if language is None or not rest:
        return whole
    found = problems(whole, language)
    return rest if found and found[0].line == 1 and not problems(rest, language) else whole
