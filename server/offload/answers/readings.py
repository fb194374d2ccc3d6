"""Possible ways to read an answer as edits to a file, most likely first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePath

from server.offload.answers.cleaning import is_tool_call, only_sentences, token_in
from server.offload.answers.edits import (
    EditFailed,
    apply,
    locate,
    parse_blocks,
    replace_selection,
    replace_whole,
)
from server.offload.answers.extract import Content, Muddled, all_code_of, text_of_file
from server.offload.answers.merge import by_definitions, members_alone, selected_definition
from server.offload.asking.plan import Plan
from server.offload.code.languages import PLAIN_FENCES, PROSE_ENDINGS, Language
from server.offload.code.syntax import definitions, imports
from server.offload.compare.compare import DATA, XML
from server.offload.compare.usage import uses, uses_within
from server.offload.values import Edit, Source

SHARE_OF_FILE = 0.5
"""Share of the lines outside a selection above which an answer is taken to be the whole file."""
_PATCH = re.compile(
    r"^\*\*\* (?:Begin Patch|Update File:)|^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@|^--- \S.*\n\+\+\+ \S",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Reading:
    """Edits and the kind of reading: ``whole``, ``selection``, ``definitions`` or ``blocks``."""

    edits: tuple[Edit, ...]
    way: str


def require_content(plan: Plan, text: str) -> None:
    """Require an answer to be content.

    Raises:
        Muddled: the answer is a tool call, a remark or a patch, or contains special tokens.
    """
    known = plan.known
    if is_tool_call(text, known):
        raise Muddled("The answer is a tool call; give the content itself.")
    if _is_remark(plan, text):
        raise Muddled("The answer is a remark on the task; give the content itself.")
    if plan.kind != "diff" and not plan.file_name.endswith((".diff", ".patch")):
        found = _PATCH.search(text)
        if found is not None and found[0] not in known and plan.target is not None:
            raise Muddled("The answer is a patch; give the content in the requested form.")
    if token := token_in(text, known):
        raise Muddled(f"The answer contains the special token {token}; give only the content.")


def _is_remark(plan: Plan, text: str) -> bool:
    """Return whether an answer consists only of sentences, although the file is code or data."""
    suffix = PurePath(plan.file_name).suffix.lower()
    before = plan.edited.selected if plan.edited is not None else ""
    return (
        (plan.language is not None or suffix in PLAIN_FENCES or suffix in DATA or suffix in XML)
        and suffix not in PROSE_ENDINGS
        and only_sentences(text)
        and not only_sentences(before)
    )


def content_of(plan: Plan, text: str) -> Content:
    """Return the content of an answer.

    Raises:
        Muddled: it is unclear which part of the answer is the content.
    """
    fence = PLAIN_FENCES.get("." + plan.file_name.rpartition(".")[2].lower(), "")
    known = plan.edited.text if plan.edited is not None else ""
    return text_of_file(text, plan.file_name, plan.language, fence, known)


def readings(plan: Plan, edited: Source, text: str) -> Iterator[Reading]:
    """Yield possible readings of an answer as edits to a file, most likely first.

    If the app chose the parts that the model sees, the text that it was not shown stays as it is.

    Raises:
        Muddled: the result cannot be determined.
        EditFailed: the answer's edits cannot be applied.
    """
    if not plan.narrowed:
        yield from _possible(plan, edited, text)
        return
    given: list[tuple[Edit, ...]] = []
    for reading in chain(_possible(plan, edited, text), _by_definitions(plan, edited, text)):
        seen = _without_hidden(plan, edited, reading)
        if seen is not None and seen.edits not in given:
            given.append(seen.edits)
            yield seen
    if not given:
        raise EditFailed("The answer changes code that was not shown; give only the definitions shown.")


def _without_hidden(plan: Plan, edited: Source, reading: Reading) -> Reading | None:
    """Return the reading without its edits of text that the app left out of the prompt. Insertions and
    changed import statements stay. None if nothing remains, or if such an edit also changes other text.
    """
    shown = [*plan.parts, *_import_spans(edited.text, plan.language)]
    kept: list[Edit] = []
    for edit in reading.edits:
        spans = shown if edit.text.strip() else plan.parts
        if edit.start == edit.end or any(start <= edit.start and edit.end <= end for start, end in spans):
            kept.append(edit)
        elif any(start < edit.end and edit.start < end for start, end in plan.parts):
            return None
    return replace(reading, edits=tuple(kept)) if kept or not reading.edits else None


def _by_definitions(plan: Plan, edited: Source, text: str) -> Iterator[Reading]:
    """Yield the reading of an answer definition by definition, if there is one."""
    if plan.language is not None and plan.language.has_definitions:
        merged = by_definitions(edited, all_code_of(text, plan.language), plan.language)
        if merged:
            yield Reading(merged, "definitions")


def _import_spans(text: str, language: Language | None) -> list[tuple[int, int]]:
    found = [(text.find(each), each) for each in imports(text, language)] if language is not None else []
    return [(at, at + len(each)) for at, each in found if at >= 0]


def _possible(plan: Plan, edited: Source, text: str) -> Iterator[Reading]:
    if plan.kind == "edit_blocks" or ("<<<<<<< SEARCH" in text and "<<<<<<< SEARCH" not in edited.text):
        yield from _blocks(plan, edited, text)
        return
    content = content_of(plan, text)
    language = plan.language if plan.language is not None and plan.language.has_definitions else None
    if plan.kind == "edit_selection":
        yield from _selection(plan, edited, content, language)
        return
    whole = Reading(replace_whole(edited, content.text), "whole")
    if language is None:
        yield whole
        return
    by_parts = plan.kind == "edit_definitions" and not is_whole_file(edited, content.text, ((0, 0),))
    if not by_parts and not _is_part(edited, apply(edited.text, whole.edits), language):
        yield whole  # try its definitions alone only if that fails
    yield next(_by_definitions(plan, edited, text), whole)


def is_whole_file(edited: Source, text: str, spans: tuple[tuple[int, int], ...]) -> bool:
    """Return whether an answer also contains the parts of the file around some of its spans."""
    around = edited.text
    for start, end in sorted(spans, reverse=True):
        around = around[:start] + around[end:]
    lines = [line.strip() for line in around.split("\n") if len(line.strip()) > 2]
    given = {line.strip() for line in text.split("\n")}
    found = sum(1 for line in lines if line in given)
    return found >= min(2, len(lines)) and found >= SHARE_OF_FILE * len(lines) > 0


def _blocks(plan: Plan, edited: Source, text: str) -> list[Reading]:
    try:
        blocks = parse_blocks(text)
    except EditFailed:
        if merged := list(_by_definitions(plan, edited, text)):
            return merged
        content = content_of(plan, text)
        if content.fenced and is_whole_file(edited, content.text, ((0, 0),)):
            return [Reading(replace_whole(edited, content.text), "whole")]
        raise
    base = PurePath(edited.shown).name
    other = next((each.path for each in blocks if each.path and PurePath(each.path).name != base), "")
    if other:
        raise EditFailed(f"An edit is for {other}; edit only {edited.shown}.")
    return [Reading(locate(edited.text, blocks, edited.shown), "blocks")]


def _selection(  # noqa: PLR0911, PLR0912 - one for each form of the answer
    plan: Plan, edited: Source, content: Content, language: Language | None
) -> list[Reading]:
    """Read an answer to a task about a selection.

    An answer that is the whole file is cut down to the selection. If the app made the selection, the whole
    file is accepted.
    """
    span = ((edited.start, edited.end),)
    if not content.text.strip():
        if not content.fenced:
            return []
        return [Reading((Edit(edited.start, edited.end, ""),), "selection")]
    if is_whole_file(edited, content.text, span):
        whole = replace_whole(edited, content.text)
        if plan.narrowed or all(edited.start <= edit.start and edit.end <= edited.end for edit in whole):
            return [Reading(whole, "whole")]
        if same := _same_around(edited, content.text):
            return [Reading(same, "selection")]
        cut = selected_definition(edited, content.text, language) if language is not None else ()
        if cut:
            return [Reading(cut, "selection")]
        raise EditFailed("The answer changes the file outside the selection; give only the selected part.")
    plain = Reading((replace_selection(edited, content.text),), "selection")
    if language is None:
        return [plain]
    if members := members_alone(edited, content.text, language):
        return [Reading(members, "definitions")]
    cut = selected_definition(edited, content.text, language)
    if _repeats(edited, content.text, language):
        merged = by_definitions(edited, content.text, language) if plan.narrowed else ()
        if merged:
            return [Reading(merged, "definitions")]
        if cut:
            return [Reading(cut, "selection")]
        raise EditFailed("The answer repeats code from outside the selection; give only the selected part.")
    if not cut or cut == plain.edits:
        merged = by_definitions(edited, content.text, language) if plan.narrowed else ()
        return [plain, Reading(merged, "definitions")] if merged else [plain]
    more = [each for each in definitions(content.text, language) if each.level == 0]
    if len(more) == 1 and not _has_more(content.text, language):
        return [plain, Reading(cut, "selection")]
    if plan.narrowed and (merged := by_definitions(edited, content.text, language)):
        return [Reading(merged, "definitions"), Reading(cut, "selection"), plain]
    return [plain, Reading(cut, "selection")]


def _same_around(edited: Source, text: str) -> tuple[Edit, ...]:
    """Return the edit for a whole file that is unchanged before and after the selection, if it is one."""
    first, last = edited.text[: edited.start], edited.text[edited.end :].rstrip("\n")
    body = text.rstrip("\n")
    if not (body.startswith(first) and body.endswith(last) and len(body) >= len(first) + len(last)):
        return ()
    return (Edit(edited.start, edited.end, body[len(first) : len(body) - len(last)]),)


def _repeats(edited: Source, text: str, language: Language) -> bool:
    """Return whether an answer to a selection repeats definitions from outside it, at the same level."""
    inside = [each for each in definitions(edited.text, language)
              if edited.start <= each.start and each.end <= edited.end]  # fmt: skip
    level = min((each.level for each in inside), default=-1)
    own = {each.last for each in inside}
    outside = {
        each.name
        for each in definitions(edited.text, language)
        if not (edited.start <= each.start and each.end <= edited.end)
    }
    if level > 0:
        return any(each.level == 0 and each.name in outside and each.last not in own
                   for each in definitions(text, language))  # fmt: skip
    return any(
        each.level == 0 and each.name in outside and each.name not in own
        for each in definitions(text, language)
    )


def _has_more(text: str, language: Language) -> bool:
    """Return whether code contains more than a single definition and the comments above it."""
    spans = [(each.start, each.end) for each in definitions(text, language) if each.level == 0]
    rest = text
    for start, end in reversed(spans):
        rest = rest[:start] + rest[end:]
    return any(line.strip() and not line.strip().startswith(language.comment) for line in rest.split("\n"))


def _is_part(edited: Source, text: str, language: Language) -> bool:
    """Return whether an answer gives only some of the file's definitions, not everything that should remain.

    A missing definition is considered omitted unless the answer's definitions used it before and no longer
    do. In that case, they were changed so that it is no longer needed.
    """
    old, new = definitions(edited.text, language), definitions(text, language)
    given = {each.name for each in new} | {each.last for each in new}
    outer = {each.name.rpartition(".")[0] for each in old}
    top = [each for each in old if each.name not in outer]
    lost = [each for each in top if each.name not in given and each.last not in given]
    if not lost or 2 * len(lost) < len(top):
        return False
    before: set[str] = set()
    kept = [
        each
        for each in top
        if each.name in given or (each.last in given and each.name.rpartition(".")[0] not in given)
    ]
    for each in kept:
        before.update(uses_within(edited.text, each.start, each.end, language))
    after = set(uses(text, language))
    needed = set(before)
    for each in lost:
        if each.last in before:
            needed.update(uses_within(edited.text, each.start, each.end, language))
    changed = any(edited.text[each.start : each.end] not in text for each in kept)
    explained = all(each.last in needed and each.last not in after for each in lost)
    return changed and not explained
