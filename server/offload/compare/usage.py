"""Finds where code uses a name: in identifiers outside comments and string literals."""

import re
from collections import Counter
from functools import lru_cache

from server.offload.code.languages import Language
from server.offload.code.syntax import captured, offsets_of, tree_of

_TEXTS = (
    "comment", "line_comment", "block_comment", "multiline_comment", "documentation_comment",
    "string_content", "string_fragment", "string_literal_content", "interpreted_string_literal_content",
    "raw_string_literal", "string_literal", "character_literal", "char_literal", "character", "rune_literal",
    "regex_pattern", "raw_string_content", "line_string_literal", "multi_line_string_literal",
)  # fmt: skip
_NAME = re.compile(r"(?P<before>\.|->|::)?\s*(?P<name>[^\W\d]\w*)")


@lru_cache(maxsize=8)
def code_of(text: str, language: Language) -> str:
    """Return the text with comments and the contents of string literals blanked out."""
    at = offsets_of(text)
    parts: list[str] = []
    done = 0
    for node in captured(tree_of(text, language).root_node, language, _TEXTS):
        start, end = at(node.start_byte), at(node.end_byte)
        if start < done or (node.type == "string_literal" and "$" in text[start:end]):
            continue
        parts += [text[done:start], re.sub(r"[^\n]", " ", text[start:end])]
        done = end
    return "".join((*parts, text[done:]))


@lru_cache(maxsize=8)
def uses(text: str, language: Language) -> Counter[str]:
    """Return how often each name occurs in the code."""
    return Counter(match["name"] for match in _NAME.finditer(code_of(text, language)))


@lru_cache(maxsize=8)
def bare_uses(text: str, language: Language) -> Counter[str]:
    """Return how often each name occurs without an owner before it, like ``f`` in ``f(x.g)``."""
    return Counter(match["name"] for match in _NAME.finditer(code_of(text, language)) if not match["before"])


def uses_within(text: str, start: int, end: int, language: Language) -> Counter[str]:
    """Return how often each name occurs in part of the text. The part is not parsed separately."""
    return Counter(match["name"] for match in _NAME.finditer(code_of(text, language), start, end))


def balance(text: str, language: Language) -> tuple[int, int, int]:
    """Return the number of unclosed round, square and curly brackets in the code; negative if too many are
    closed.
    """
    code = code_of(text, language)
    return (
        code.count("(") - code.count(")"),
        code.count("[") - code.count("]"),
        code.count("{") - code.count("}"),
    )
