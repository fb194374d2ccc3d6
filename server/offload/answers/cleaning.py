"""Strips the text that engines and models wrap around an answer: thoughts, channels, stop tokens, tool
calls.
"""

import json
import re

from server.backends.thinking import TAGS

_MORE_TAGS = (
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<analysis>", "</analysis>"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
_MESSAGE = re.compile(r"<\|channel\|>\s*(?P<channel>\w+)[^<]*<\|message\|>")
_MESSAGE_ENDS = re.compile(r"<\|(?:end|return|start|call)\|>")
_TOKEN = re.compile(
    r"<\|/?[a-zA-Z_][a-zA-Z0-9_ ]{1,40}\|>|</s>|<s>|<eos>|<bos>|<pad>"
    r"|<(?:end|start)_of_turn>|<｜[^｜\n]{1,40}｜>"
    r"|\[/?INST\]|<\|end▁of▁sentence\|>|\[EOS\]|<\|eot_id\|>|<EOT>"
)
_ROLE = re.compile(r"\s*(?:user|assistant|system|model|human)\b[:\s]", re.IGNORECASE)
_CALLS = re.compile(
    r"\s*(?:```\w*\s*)?(?:<tool_call>|<function_call>|<function=|<invoke\b|<\|?tool_call|\[TOOL_CALLS\]"
    r"|<\|python_tag\|>|<｜tool▁calls?▁begin｜>|<tools?>|\[TOOL_REQUEST\])"
)
_CALL_NAMES = (
    {"name", "function", "tool", "tool_name", "action"},
    {"arguments", "parameters", "input", "args"},
)
LONGEST_REMARK = 600
"""Maximum length, in characters, of an answer that may be just a remark about the task, such as an apology.
"""
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "।", "؟")


def without_thinking(text: str, known: str = "") -> tuple[str, str]:
    """Return the answer and its thoughts. Tags that occur in the ``known`` text are treated as content."""
    if "<|message|>" in text and "<|message|>" not in known:
        return _final_channel(text)
    thoughts: list[str] = []
    for opening, closing in (*TAGS, *_MORE_TAGS):
        if opening in known or closing in known:
            continue
        while opening in text or closing in text:
            taken = _take_thought(text, opening, closing)
            if taken is None:
                break
            text, thought = taken
            thoughts.append(thought)
    return text, "\n".join(thoughts)


def without_tokens(text: str, known: str = "") -> str:
    """Return the answer without leading chat template tokens, cut off at the token that ends it."""
    text = text.removeprefix("\ufeff")
    while (found := _TOKEN.match(text.lstrip())) and found[0] not in known:
        text = text.lstrip()[found.end() :]
        if role := _ROLE.match(text):
            text = text[role.end() :]
    for found in _TOKEN.finditer(text):
        if found[0] in known:
            continue
        rest = text[found.end() :]
        if not rest.strip() or _TOKEN.match(rest.lstrip()) or _ROLE.match(rest):
            cut = text[: found.start()].rstrip(" \t")
            return cut + "\n```" if _is_open(cut) else cut
    return text


def token_in(text: str, known: str) -> str:
    """Return the first special token that occurs in an answer but not in the given texts, or an empty
    string.
    """
    return next((found[0] for found in _TOKEN.finditer(text) if found[0] not in known), "")


def is_tool_call(text: str, known: str) -> bool:
    """Return whether an answer is a tool call rather than content."""
    found = _CALLS.match(text)
    if found is not None and found[0].strip().strip("`") not in known:
        return True
    plain = re.sub(r"^\s*```\w*\n|\n?```\s*$", "", text).strip()
    if not plain.startswith(("{", "[")) or len(plain) > 200_000:
        return False
    try:
        value = json.loads(plain)
    except (ValueError, RecursionError):
        return False
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict) or len(first) > 4:
        return False
    names = set(first)
    if not all(names & each for each in _CALL_NAMES):
        return False
    return not any(f'"{name}"' in known for name in names & _CALL_NAMES[1])


def only_sentences(text: str) -> bool:
    """Return whether a short text without blocks consists of plain sentences, in any language."""
    if len(text.strip()) > LONGEST_REMARK or "```" in text:
        return False
    paragraphs = [each.strip() for each in text.split("\n\n") if each.strip()]
    return bool(paragraphs) and all(
        (each[0].isalpha() and each.rstrip("\"'”’»)").endswith(_SENTENCE_ENDS) and len(each.split()) > 1)
        or _is_wide_sentence(each)
        for each in paragraphs
    )


def _is_wide_sentence(text: str) -> bool:
    """Return whether the text is a sentence in a script that puts no spaces between words."""
    return text[0].isalpha() and not text[0].isascii() and text.endswith(_SENTENCE_ENDS)


def _final_channel(text: str) -> tuple[str, str]:
    """Split harmony's channels: ``final`` is the answer, and all others are thoughts."""
    answers: list[str] = []
    thoughts: list[str] = []
    messages = list(_MESSAGE.finditer(text))
    for index, message in enumerate(messages):
        end = messages[index + 1].start() if index + 1 < len(messages) else len(text)
        body = _MESSAGE_ENDS.split(text[message.end() : end], maxsplit=1)[0]
        (answers if message["channel"] == "final" else thoughts).append(body)
    return ("\n".join(answers).lstrip("\n") if messages else text), "\n".join(thoughts)


def _take_thought(text: str, opening: str, closing: str) -> tuple[str, str] | None:
    """Return the text with one thought removed, and the thought. Return None if the tags look like
    content.
    """
    start, end = text.find(opening), text.find(closing)
    if end >= 0 and (start < 0 or end < start):  # the chat template opened the thought
        thought, rest = text[:end], text[end + len(closing) :]
        if _is_open(thought) or not rest.strip():
            return None
        return rest.lstrip("\n"), thought
    if _is_open(text[:start]):
        return None
    before = text[:start]
    thought = text[start + len(opening) : end] if end >= 0 else text[start + len(opening) :]
    rest = text[end + len(closing) :] if end >= 0 else ""
    if len([line for line in before.split("\n") if line.strip()]) <= 1 and (
        rest.strip() or not before.strip()
    ):
        return rest.lstrip("\n"), before + thought  # a short lead-in before the thought
    return before.rstrip("\n") + "\n" + rest.lstrip("\n"), thought


def _is_open(text: str) -> bool:
    """Return whether the text ends inside a fenced block."""
    return sum(1 for line in text.split("\n") if line.lstrip().startswith("```")) % 2 == 1
