"""Checks one answer, in order: complete, clean, applies, parses, names, scope. The first failure ends it.

Each check has its name in the history. What passes is the result: a file's new text, or a text to return.
"""

import re
from collections.abc import Iterator

from server.offload.answers import extract
from server.offload.answers.edits import (
    EditFailed,
    apply,
    locate,
    parse_blocks,
    replace_selection,
    replace_whole,
)
from server.offload.answers.extract import Muddled
from server.offload.answers.merge import by_definitions, selected_definition
from server.offload.asking.generate import REPEATING
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.comment_only import check_documented
from server.offload.checks.demo_code import without_demonstration
from server.offload.checks.python import check_python
from server.offload.checks.quotes import misplaced_quote, missing_quotes
from server.offload.checks.requirements import check_asked
from server.offload.checks.scope import check_replaced, check_scope
from server.offload.checks.test_quality import check_tests
from server.offload.code.languages import PROSE_ENDINGS, Language, language_of
from server.offload.code.parsing import new_syntax_error
from server.offload.code.python_tree import same_code, trees_kept
from server.offload.values import Check, Edit, Generation, Source, Verdict

_COMMENT = r"[ \t]*(?:#|//|/\*|<!--|--|;|%)"
# Bounded, as all else here: the time must grow with the text and not with its square.
_SOME, _GAP = r".{0,200}", r"[ \t]{0,40}"
_PLACEHOLDERS = re.compile(
    rf"^{_COMMENT}{_SOME}\b(?:rest of|remaining|other|existing|previous|unchanged|same as)\b{_SOME}"
    rf"(?:\.\.\.|…|\bunchanged\b|\bremains?\b|\bhere\b|\bsame\b|\bomitted\b|\bas before\b).*$"
    rf"|^{_COMMENT}{_GAP}(?:\.\.\.|…){_GAP}(?:\*/|-->)?[ \t]*+$"
    rf"|^{_COMMENT}{_GAP}(?:\.\.\.|…){_GAP}(?:existing|rest|other|remaining|previous|more|unchanged|code)\b.*$"
    rf"|^{_COMMENT}{_SOME}\byour (?:code|implementation|logic)\b.*$"
    rf"|^{_COMMENT}{_SOME}\b(?:add|insert|implement|put) .{{0,40}}\b(?:code|logic)\b.{{0,10}}\bhere\b.*$"
    rf"|^{_COMMENT}{_GAP}TODO:?{_GAP}implement\b.*$"
    rf"|^{_COMMENT} \(\S{{1,200}}: (?:the part )?given below\)$",  # the prompt's own outline
    re.IGNORECASE | re.MULTILINE,
)

_ADDS = re.compile(r"\s*(?:please\s+)?(?:add|insert|document|annotate|implement)\b", re.IGNORECASE)
_SPACE = re.compile(
    r"(?<!one[- ])(?<!single[- ])\blines?\b|\b(?:newlines?|blanks?|spac\w+|white ?space|indent\w*|dedent\w*|"
    r"tabs?|format\w*|wrap\w*|align\w*|layout|padding|margins?|gaps?|paragraphs?|separat\w+|style|lint\w*|"
    r"pep ?8)\b",
    re.IGNORECASE,
)
"""A task that may mean blank space itself."""


def check_answer(plan: Plan, generation: Generation) -> Verdict:
    """Return the verdict on one answer.

    An edit that does not pass as the answer gives it is read by its definitions, see ``merge``: where that
    passes every check, it is the result.
    """
    with trees_kept():
        return _verdict(plan, generation)


def _verdict(plan: Plan, generation: Generation) -> Verdict:
    text, _ = extract.without_thinking(generation.text)
    complete = _complete(generation, text)
    if not complete.passed:
        return Verdict((complete,))
    first = _judge(plan, text, complete)
    if first.passed or plan.edited is None or plan.language is None or not plan.language.has_definitions:
        return first
    for edits in _readings(plan, plan.edited, plan.language, extract.all_code_of(text)):
        verdict = _judged(plan, complete, apply(plan.edited.text, edits), edits)
        if edits and verdict.passed and not any(_placeholder(plan, edit.text) for edit in edits):
            return verdict
    return first


def _readings(plan: Plan, edited: Source, language: Language, code: str) -> Iterator[tuple[Edit, ...]]:
    if plan.kind == "edit_selection":
        yield selected_definition(edited, code, language)
    elif plan.kind in ("edit_file", "edit_blocks", "edit_definitions"):
        yield by_definitions(edited, code, language)


def _judge(plan: Plan, text: str, complete: Check) -> Verdict:
    """Return the verdict on the answer as it is given."""
    clean = Check("clean", passed=True)
    if plan.kind not in ("explain", "raw", "write") and (left_out := _placeholder(plan, text)):
        message = f"It leaves code out: {left_out!r}. Write every line."
        return Verdict((Check("complete", False, message, codes.PLACEHOLDER),))
    try:
        result, edits = _result(plan, text)
    except Muddled as error:
        return Verdict((complete, Check("clean", False, str(error), codes.MUDDLED)))
    except EditFailed as error:
        return Verdict((complete, clean, Check("applies", False, str(error), codes.EDIT_NOT_FOUND)))
    if not result.strip():
        return Verdict((Check("complete", False, "The answer was empty.", codes.ANSWER_EMPTY),))
    return _judged(plan, complete, result, edits)


def _judged(plan: Plan, complete: Check, result: str, edits: tuple[Edit, ...]) -> Verdict:
    """Return the verdict on a result, up to the first check that fails."""
    checks = [complete, Check("clean", passed=True)]
    for check in _checks_of_result(plan, result):
        if check is not None:
            checks.append(check)
            if not check.passed:
                return Verdict(tuple(checks), result)
    return Verdict(tuple(checks), result, edits)


def _complete(generation: Generation, text: str) -> Check:
    def failed(message: str, code: str, *, hopeless: bool = False) -> Check:
        return Check("complete", passed=False, message=message, code=code, hopeless=hopeless)

    if not text.strip() and (generation.thinking.strip() or generation.text.strip()):
        cut = generation.finish_reason == "length"
        return failed("The model only thought aloud.", codes.ONLY_THINKING, hopeless=cut)
    if generation.finish_reason == "length":
        return failed(
            f"The answer was cut after {generation.completion_tokens:,} tokens.",
            codes.ANSWER_CUT,
            hopeless=True,
        )
    if generation.finish_reason == REPEATING:
        return failed("The answer repeats itself without end.", codes.REPEATS_ITSELF)
    if not text.strip():
        return failed("The answer was empty.", codes.ANSWER_EMPTY)
    return Check("complete", passed=True)


def _placeholder(plan: Plan, text: str) -> str | None:
    known = "\n".join(source.text for source in plan.sources)
    for match in _PLACEHOLDERS.finditer(text):
        line = match.group(0).strip()
        if line not in known:
            return line[:80]
    return None


def _result(plan: Plan, text: str) -> tuple[str, tuple[Edit, ...]]:
    """Return the new text and, for an edit, the spans of the edited file that it replaces.

    Raises:
        Muddled: it is not clear what the result is.
        EditFailed: an edit cannot be applied.
    """
    if plan.kind == "diff":
        return text, ()  # the edits of several files, see ``patches``
    if plan.kind in ("explain", "raw"):
        return text.strip("\n"), ()
    if plan.edited is None:
        return _new_text(plan, text), ()
    edits = _edits(plan, plan.edited, text)
    return apply(plan.edited.text, edits), edits


def _edits(plan: Plan, edited: Source, text: str) -> tuple[Edit, ...]:
    if plan.kind == "edit_blocks" or (plan.kind == "edit_definitions" and "<<<<<<<" in text):
        return locate(edited.text, parse_blocks(text), edited.shown)
    code = _code(plan, text)
    if plan.kind == "edit_selection":
        return (replace_selection(edited, code),)
    if plan.kind == "edit_file" or plan.language is None:
        return replace_whole(edited, code)
    edits = by_definitions(edited, code, plan.language)
    if not edits:
        raise EditFailed("Give each changed function whole, under its own name, and no other code.")
    return edits


def _new_text(plan: Plan, text: str) -> str:
    body = extract.prose_of(text) if plan.kind == "write" else _code(plan, text)
    if plan.language is not None and plan.language.name == "Python":
        body = without_demonstration(body, plan.task.task)
    return body.strip("\n") + "\n" if plan.target is not None else body.strip("\n")


def _code(plan: Plan, text: str) -> str:
    ending = "." + plan.file_name.rpartition(".")[2].lower() if "." in plan.file_name else ""
    if plan.language is None and ending in PROSE_ENDINGS and plan.file_name:
        return extract.prose_of(text)
    return extract.code_of(text, plan.language)


def _checks_of_result(plan: Plan, result: str) -> Iterator[Check | None]:
    """Yield the checks one by one: the caller stops at the first failure."""
    if plan.kind == "explain":
        yield _quotes(plan, result)
    if plan.kind in ("explain", "raw", "write", "diff"):
        return
    if plan.edited is not None:
        yield from check_edit(plan, plan.edited, result)
    else:
        old, shown = (plan.target.text, plan.target.shown) if plan.target else ("", "")
        yield _parses(plan, "", result)
        yield check_tests(plan, result)
        yield check_replaced(old, result, plan.language, shown)
        yield from check_python(plan, "", result)
    if not plan.is_test:
        yield from check_asked(plan, result)


def check_edit(plan: Plan, edited: Source, after: str) -> Iterator[Check | None]:
    """Yield the checks of one edited file, one by one; None where there is nothing to say."""
    yield _changed(plan, edited.text, after)
    yield _parses(plan, edited.text, after)
    yield check_scope(plan, edited.text, after)
    yield check_documented(plan, edited, after)
    yield from check_python(plan, edited.text, after)


def _changed(plan: Plan, before: str, after: str) -> Check | None:
    if before == after:
        message = "The answer is the same as the file was; make the change that the task asks for."
    elif _only_spaced(plan, before, after):
        message = "Only blank space changed; make the change that the task asks for."
    else:
        return None
    return Check("changed", passed=False, message=message, code=codes.NOTHING_CHANGED)


def _only_spaced(plan: Plan, before: str, after: str) -> bool:
    """Whether a task that adds something to code got nothing but blank space."""
    if plan.language is None or not plan.language.has_definitions or before.split() != after.split():
        return False
    if not _ADDS.match(plan.task.task) or _SPACE.search(plan.task.task):
        return False
    return plan.language.name != "Python" or same_code(before, after)


def _parses(plan: Plan, before: str, after: str) -> Check | None:
    error = new_syntax_error(before, after, plan.file_name, plan.language)
    if error is None:
        return None
    return Check("parses", not error, error, codes.DOES_NOT_PARSE if error else "")


def _quotes(plan: Plan, text: str) -> Check | None:
    """Look for what an answer about logs and other texts quotes: it must be there, word for word.

    Answers about code may quote what the code should be, and are not held to this.
    """
    if not plan.sources or any(language_of(source.path.name) for source in plan.sources):
        return None
    known = "\n".join([plan.task.task, plan.task.context, *(source.selected for source in plan.sources)])
    missing = [quote for line in text.split("\n") for quote in missing_quotes(line, known)]
    if missing:
        message = f"It quotes {missing[0]!r}, which the text does not have; quote exactly."
    elif len(plan.sources) == 1:
        source = plan.sources[0]
        first = source.text.count("\n", 0, source.start) + 1
        message = misplaced_quote(text, source.selected, first) or ""
    else:
        message = ""
    if not message:
        return Check("quotes", passed=True)
    return Check("quotes", passed=False, message=message, code=codes.QUOTE_MISSING)
