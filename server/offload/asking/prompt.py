"""The prompt, built from the templates in ``prompts/`` and fitted to the model's context.

The shared part and the files come first and the task last, so that engines can reuse their prefix cache
across batch items and repair rounds.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from server.backends.base import Message
from server.common.errors import PromptTooLong
from server.engine.engine import Engine
from server.offload.asking.plan import Plan
from server.offload.code.languages import PLAIN_FENCES, language_of
from server.offload.files import selection
from server.offload.values import Attempt, Check, Prompt, Source

LONGEST_OUTLINE = 3_000
"""Maximum length of the outline around a selection, in characters."""
LEAST_ANSWER = 256
"""Minimum space reserved for any answer, in tokens."""
USUAL_ANSWER = 1_024
"""Space reserved for an answer of unknown length when the context length can be chosen (tokens)."""
_MESSAGE_TOKENS = 8
_BYTES_PER_TOKEN = 3.2
_TEMPLATE_TOKENS = 512
"""Upper bound on the tokens a model's chat template adds to a conversation, such as default instructions and
the date.
"""


async def fit(plan: Plan, engine: Engine, model: str, most_output_tokens: int) -> Prompt:
    """Return the prompt with its counted or estimated tokens, the context length and the space for the
    answer.

    Raises:
        PromptTooLong: the prompt and answer do not fit the model's context. The message says by how much.
    """
    messages = build(plan, LONGEST_OUTLINE)
    if (num_ctx := await engine.num_ctx(model)) >= most_tokens(messages) + most_output_tokens:
        return Prompt(plan.kind, messages, num_ctx, most_output_tokens, _estimate(messages), counted=False)
    tokens, counted = await count(engine, model, messages)
    usual, least = _room(plan)
    num_ctx = await engine.num_ctx(model, tokens + min(usual, most_output_tokens))
    if tokens + least > num_ctx:
        messages = build(plan, 0)
        tokens, counted = await count(engine, model, messages)
    if tokens + least > num_ctx:
        raise too_long(tokens, least, num_ctx)
    return Prompt(plan.kind, messages, num_ctx, min(most_output_tokens, num_ctx - tokens), tokens, counted)


async def fit_repair(
    attempts: Sequence[Attempt], failure: Check, engine: Engine, model: str, most_output_tokens: int
) -> Prompt | None:
    """Return the next round of the same conversation, or None if it does not fit in the context.

    A small model that sees its own repeated answer will repeat it again. After two identical answers, the
    round therefore contains only the original question and the failure.
    """
    prompt, answer = attempts[-1].prompt, attempts[-1].generation.text
    if len(attempts) > 1 and answer.strip() == attempts[-2].generation.text.strip():
        *before, question = attempts[0].prompt.messages
        again = template("again").substitute(problem=failure.message).strip()
        messages = (*before, Message("user", f"{question.content}\n\n{again}"))
    else:
        problem = template("repair").substitute(problem=failure.message).strip()
        messages = (*prompt.messages, Message("assistant", answer), Message("user", problem))
    tokens, counted = await count(engine, model, messages)
    room = prompt.num_ctx - tokens
    if room < max(LEAST_ANSWER, estimate_tokens(answer)):
        return None
    return replace(
        prompt,
        kind="repair",
        messages=messages,
        max_tokens=min(most_output_tokens, room),
        prompt_tokens=tokens,
        counted=counted,
    )


def build(plan: Plan, longest_outline: int) -> tuple[Message, ...]:
    """Return the messages for the first round."""
    numbered = plan.kind == "explain"
    given = [source for source in plan.sources if source is not plan.edited]
    others = [*_outlines(given, longest_outline), *(_whole(source, numbered) for source in given)]
    edited = [_edited(plan, longest_outline)] if plan.edited is not None else []
    task = plan.task
    text = template(plan.kind).substitute(
        material="".join(f"{part}\n\n" for part in (*others, *edited)),
        context=f"Context: {task.context.strip()}\n\n" if task.context.strip() else "",
        task=_task(plan),
        output=plan.edited.shown if plan.edited else (plan.target.shown if plan.target else ""),
        goal=_goal(plan),
        fence=_fence(plan),
    )
    return (Message("system", template("shared").template.strip()), Message("user", text.strip()))


def build_inputs(plan: Plan, heads: str, fence: str) -> tuple[Message, ...]:
    """Return the messages that ask for calls to functions. Each function is represented by its first line."""
    text = template("inputs").substitute(task=_task(plan), heads=heads, fence=fence)
    return (Message("system", template("shared").template.strip()), Message("user", text.strip()))


def _task(plan: Plan) -> str:
    """Return the task's text with the call's examples."""
    task = plan.task
    if not task.examples:
        return task.task.strip()
    facts = "; ".join(f"`{_in_words(example)}`" for example in task.examples)
    return f"{task.task.strip()}\n\nFor example, {facts}. This is checked separately; do not include it."


def _in_words(example: str) -> str:
    """Return a fact as prompts write it: ``raises ValueError: f(-1)`` with the call first."""
    head, colon, call = example.partition(":")
    words = head.split()
    return (
        f"{call.strip()} raises {words[1]}"
        if colon and words[:1] == ["raises"] and len(words) == 2
        else example
    )


def _goal(plan: Plan) -> str:
    if plan.target is None:
        return "the complete code"
    goal = f"the complete content of `{plan.target.shown}`"
    tested = [source.path.stem for source in plan.sources if source.path.suffix == ".py"]
    if plan.is_test and plan.target.path.suffix == ".py" and tested:
        goal += f", which imports what it tests from `{tested[-1]}`"
    return goal


@cache
def template(kind: str) -> Template:
    """Return the template for one kind of work."""
    return Template(
        (resources.files("server.offload.asking") / "prompts" / f"{kind}.txt").read_text(encoding="utf-8")
    )


async def count(engine: Engine, model: str, messages: tuple[Message, ...]) -> tuple[int, bool]:
    """Return the number of tokens in the prompt, and whether the engine counted them."""
    backend = await engine.use()
    if backend.capabilities.count_tokens:
        counted = await backend.count_tokens(model, messages, await engine.num_ctx(model))
        if counted is not None:
            return counted, True
    return _estimate(messages), False


def most_tokens(messages: Sequence[Message]) -> int:
    """Return an upper bound on the tokens in the messages. No tokenizer in use needs more than one token per
    byte.

    A prompt that fits within this bound need not be counted by the engine.
    """
    return _TEMPLATE_TOKENS + sum(len(message.content.encode(errors="replace")) for message in messages)


def _estimate(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message.content) + _MESSAGE_TOKENS for message in messages)


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a local model counts, erring on the high side.

    Each digit counts as one token, as in the tokenizers of Qwen, Gemma and Llama 2. Other text counts as one
    token per 3.2 bytes. This also holds for scripts that use three bytes per character.
    """
    digits = len(re.findall(r"[0-9]", text))
    return digits + int((len(text.encode(errors="replace")) - digits) / _BYTES_PER_TOKEN) + 1


def too_long(tokens: int, least: int, num_ctx: int) -> PromptTooLong:
    """Return the error for a prompt that does not fit."""
    return PromptTooLong(
        f"The prompt has about {tokens:,} tokens and the answer needs {least:,}. Together they exceed the "
        f"context of {num_ctx:,} by {tokens + least - num_ctx:,}.",
        "Pass fewer files, select parts (path::name, path:10-40), or use compress_context for reading.",
    )


def _room(plan: Plan) -> tuple[int, int]:
    """Return the usual and the minimum space for an answer, in tokens."""
    if plan.parts or (plan.edited is not None and plan.kind != "edit_blocks"):
        length = sum(estimate_tokens(text) for text in _answered(plan))
        return length + length // 4 + LEAST_ANSWER, length + LEAST_ANSWER // 2
    return USUAL_ANSWER, LEAST_ANSWER


def _answered(plan: Plan) -> list[str]:
    """Return the parts of the files that the answer will rewrite."""
    if plan.edited is None:
        return []
    if plan.parts:
        return [plan.edited.text[start:end] for start, end in plan.parts]
    return [plan.edited.selected]


def _whole(source: Source, numbered: bool = False) -> str:
    """Return a source as the model reads it, with line numbers for an answer that cites lines."""
    first = source.text.count("\n", 0, source.start) + 1
    lines = source.selected.rstrip("\n").split("\n")
    text = (
        "\n".join(f"{n}: {line}" for n, line in enumerate(lines, start=first))
        if numbered
        else source.selected
    )
    if source.whole:
        return f"File `{source.shown}`{' (with line numbers)' if numbered else ''}:\n{_block(text, source)}"
    return f"Lines {first}-{first + len(lines) - 1} of `{source.shown}`:\n{_block(text, source)}"


def _edited(plan: Plan, longest_outline: int) -> str:
    """Return the file to edit: either all of it, or the parts to change with an outline of the rest."""
    source = plan.edited
    if source is None:
        return ""
    parts = plan.parts or (((source.start, source.end),) if not source.whole else ())
    if not parts:
        return _whole(source)
    around = _outline(source, parts, longest_outline)
    texts = "\n\n".join(source.text[start:end] for start, end in parts)
    return "\n\n".join([*around, f"The part of `{source.shown}`:\n{_block(texts, source)}"])


def _outlines(sources: Sequence[Source], longest: int) -> list[str]:
    """Return an outline of the rest of each file with selected parts."""
    parts: dict[Path, list[Source]] = {}
    for source in sources:
        if not source.whole:
            parts.setdefault(source.path, []).append(source)
    return [
        outline
        for each in parts.values()
        for outline in _outline(each[0], [(one.start, one.end) for one in each], longest // len(parts))
    ]


def _outline(source: Source, parts: Sequence[tuple[int, int]], longest: int) -> list[str]:
    """Return the outline of a file without the given parts, or an empty string if nothing remains."""
    around = selection.outline(source.text, language_of(source.path.name), parts, longest)
    return [f"The rest of `{source.shown}`, which stays as it is:\n{around}"] if around else []


def _block(text: str, source: Source) -> str:
    """Return a Markdown block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    language = language_of(source.path.name)
    name = language.fence if language else PLAIN_FENCES.get(source.path.suffix.lower(), "")
    return f"{fence}{name}\n{text.rstrip(chr(10))}\n{fence}"


def _fence(plan: Plan) -> str:
    if plan.language is not None:
        return plan.language.fence
    return PLAIN_FENCES.get("." + plan.file_name.rpartition(".")[2].lower(), "")
