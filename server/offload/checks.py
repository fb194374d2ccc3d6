"""Checks one answer, in order: complete, clean, applies, parses, names, scope. The first failure ends it.

Each check has its name in the history. What passes is the result: a file's new text, or a text to return.
"""

import re

from server.offload import answer, reasons
from server.offload.answer import Muddled
from server.offload.edits import EditFailed, apply, locate, parse_blocks, replace_selection, replace_whole
from server.offload.languages import PROSE_ENDINGS
from server.offload.names import undefined_names
from server.offload.parsing import new_syntax_error
from server.offload.plan import Plan
from server.offload.scope import check_asked_names, check_replaced, check_scope
from server.offload.textfile import edits_between
from server.offload.values import Check, Edit, Generation, Verdict

_COMMENT = r"(?:#|//|/\*|<!--|--|;|%)"
_PLACEHOLDERS = re.compile(
    rf"^\s*{_COMMENT}\s*(?:\.\.\.|…)?.*\b(?:rest of|remaining|other|existing|previous|unchanged|same as)\b.*"
    rf"(?:\.\.\.|…|\bunchanged\b|\bremains?\b|\bhere\b|\bsame\b|\bomitted\b|\bas before\b).*$"
    rf"|^\s*{_COMMENT}\s*(?:\.\.\.|…)\s*(?:\*/|-->)?\s*$"
    rf"|^\s*{_COMMENT}\s*(?:\.\.\.|…)\s*(?:existing|rest|other|remaining|previous|more|unchanged|code)\b.*$"
    rf"|^\s*{_COMMENT}.*\byour (?:code|implementation|logic)\b.*$"
    rf"|^\s*{_COMMENT}.*\b(?:add|insert|implement|put) .{{0,40}}\b(?:code|logic)\b.{{0,10}}\bhere\b.*$"
    rf"|^\s*{_COMMENT}\s*TODO:?\s*implement\b.*$",
    re.IGNORECASE | re.MULTILINE,
)


def check_answer(plan: Plan, generation: Generation) -> Verdict:
    """Return the verdict on one answer."""
    text, _ = answer.without_thinking(generation.text)
    checks = [_complete(plan, generation, text)]
    if not checks[-1].passed:
        return Verdict(tuple(checks))
    try:
        result, edits = _result(plan, text)
    except Muddled as error:
        return _with(checks, Check("clean", passed=False, message=str(error), code=reasons.MUDDLED))
    except EditFailed as error:
        checks.append(Check("clean", passed=True))
        return _with(checks, Check("applies", passed=False, message=str(error), code=reasons.EDIT_NOT_FOUND))
    checks.append(Check("clean", passed=True))
    for check in _checks_of_result(plan, result):
        if check is not None:
            checks.append(check)
            if not check.passed:
                return Verdict(tuple(checks), result)
    return Verdict(tuple(checks), result, edits)


def _with(checks: list[Check], failed: Check) -> Verdict:
    return Verdict((*checks, failed))


def _complete(plan: Plan, generation: Generation, text: str) -> Check:
    def failed(message: str, code: str, *, hopeless: bool = False) -> Check:
        return Check("complete", passed=False, message=message, code=code, hopeless=hopeless)

    if not text.strip() and (generation.thinking.strip() or generation.text.strip()):
        cut = generation.finish_reason == "length"
        return failed("The model only thought aloud.", reasons.ONLY_THINKING, hopeless=cut)
    if generation.finish_reason == "length":
        return failed(
            f"The answer was cut after {generation.completion_tokens:,} tokens.",
            reasons.ANSWER_CUT,
            hopeless=True,
        )
    if not text.strip():
        return failed("The answer was empty.", reasons.ANSWER_EMPTY)
    if plan.kind not in ("explain", "raw", "write") and (left_out := _placeholder(plan, text)):
        return failed(f"It leaves code out: {left_out!r}. Write every line.", reasons.PLACEHOLDER)
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
    if plan.kind in ("explain", "raw"):
        return text.strip("\n"), ()
    if plan.kind == "diff":
        return text, ()
    if plan.edited is None:
        return _new_text(plan, text), ()
    if plan.kind == "edit_blocks":
        edits = locate(plan.edited.text, parse_blocks(text), plan.edited.shown)
        return apply(plan.edited.text, edits), edits
    code = _code(plan, text)
    if plan.kind == "edit_selection":
        edit = replace_selection(plan.edited, code)
        return apply(plan.edited.text, (edit,)), (edit,)
    new = replace_whole(plan.edited, code)
    return new, edits_between(plan.edited.text, new)


def _new_text(plan: Plan, text: str) -> str:
    body = answer.prose_of(text) if plan.kind == "write" else _code(plan, text)
    return body.strip("\n") + "\n" if plan.target is not None else body.strip("\n")


def _code(plan: Plan, text: str) -> str:
    ending = "." + plan.file_name.rpartition(".")[2].lower() if "." in plan.file_name else ""
    if plan.language is None and ending in PROSE_ENDINGS and plan.file_name:
        return answer.prose_of(text)
    return answer.code_of(text, plan.language)


def _checks_of_result(plan: Plan, result: str) -> "list[Check | None]":
    """Return the checks lazily enough: each is cheap, and the caller stops at the first failure."""
    if plan.kind in ("explain", "raw", "write", "diff"):
        return []
    before = plan.edited.text if plan.edited else ""
    checks = [_changed(before, result) if plan.edited else None, _parses(plan, before, result)]
    if not all(check is None or check.passed for check in checks):
        return checks
    if plan.edited is not None:
        checks.append(check_scope(plan, before, result))
    else:
        old = plan.target.text if plan.target else ""
        checks.append(check_asked_names(plan.task.task, result, plan.language))
        checks.append(check_replaced(old, result, plan.language, plan.target.shown if plan.target else ""))
    checks.append(_defined(plan, before, result))
    return checks


def _changed(before: str, after: str) -> Check | None:
    if before != after:
        return None
    message = "The answer is the same as the file was; make the change that the task asks for."
    return Check("changed", passed=False, message=message, code=reasons.NOTHING_CHANGED)


def _parses(plan: Plan, before: str, after: str) -> Check | None:
    error = new_syntax_error(before, after, plan.file_name, plan.language)
    if error is None:
        return None
    return Check("parses", not error, error, reasons.DOES_NOT_PARSE if error else "")


def _defined(plan: Plan, before: str, after: str) -> Check | None:
    if plan.language is None or plan.language.name != "Python":
        return None
    known = {name for name, _ in undefined_names(before)}
    missing = [(name, line) for name, line in undefined_names(after) if name not in known]
    if not missing:
        return Check("defined", passed=True)
    name, line = missing[0]
    message = f"Line {line} uses {name}, which nothing defines; import or define it."
    return Check("defined", passed=False, message=message, code=reasons.UNDEFINED_NAME)
