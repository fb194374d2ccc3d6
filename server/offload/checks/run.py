"""The verdict on one answer: complete, is content, applies, parses, survives structural comparison.

Each check has a name in the history. The first failure ends the checks. The outcome is either a file's new
text or a text to return, with notices.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from server.offload.answers import cleaning
from server.offload.answers.edits import EditFailed, apply, without_blanks
from server.offload.answers.extract import Muddled
from server.offload.answers.readings import content_of, readings, require_content
from server.offload.answers.unfinished_tests import complete_tests
from server.offload.asking.generate import COPYING, ENOUGH, REPEATING
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.parses import parse_result
from server.offload.checks.python import check_python
from server.offload.checks.quotes import misplaced_quote, missing_quotes
from server.offload.checks.remarks import remarks
from server.offload.checks.renames import completed_rename
from server.offload.checks.structure import check_structure, hollow
from server.offload.code.languages import language_of
from server.offload.code.python_tree import trees_kept
from server.offload.code.syntax import definitions
from server.offload.files.textfile import unencodable
from server.offload.values import Check, Edit, Generation, Notice, Source, Strength, Verdict

CUT = frozenset({"length", REPEATING, ENOUGH})
"""Finish reasons of an answer that did not end by itself."""
STOPPED = {
    REPEATING: ("The answer repeats itself without end.", codes.REPEATS_ITSELF),
    COPYING: ("The answer copies the file; give only the edits, in the form shown.", codes.COPIES_THE_FILE),
    ENOUGH: ("The answer lists cases without end; give at most ten in each list.", codes.ANSWER_CUT),
}
"""The message and code for an answer that was stopped, by finish reason. Another answer may end."""
DAMAGED_CHARACTER = "\ufffd"
"""The replacement character. Engines send it when a character spans two tokens."""


def check_answer(plan: Plan, generation: Generation) -> Verdict:
    """Return the verdict on one answer. If it can be read in several ways, the best reading counts: see
    ``rank``.
    """
    with trees_kept():
        return _verdict(plan, generation)


def rank(verdict: Verdict) -> tuple[int, int, int]:
    """Return a sort key that puts the best verdict first: failed checks, likely mistakes, notices."""
    slips = sum(1 for notice in verdict.notices if notice.likely)
    return (0 if verdict.passed else 1, slips, len(verdict.notices))


def _verdict(plan: Plan, generation: Generation) -> Verdict:
    text, _ = cleaning.without_thinking(generation.text, plan.known)
    text = cleaning.without_tokens(text, plan.known)
    if plan.is_new_python_test and generation.finish_reason in CUT and (tests := complete_tests(text)):
        cut_at = f"the answer was cut after {generation.completion_tokens:,} tokens"
        verdict = _new(plan, tests, Check("complete", passed=True))
        return _with_notice(verdict, Notice(f"{cut_at}; its complete tests remain"))
    complete = _complete(generation, text)
    return _read(plan, text, complete) if complete.passed else Verdict((complete,))


def _read(plan: Plan, text: str, complete: Check) -> Verdict:
    if text.count(DAMAGED_CHARACTER) > plan.known.count(DAMAGED_CHARACTER):
        return Verdict((complete, _damaged()))
    try:
        if plan.kind not in ("explain", "raw"):
            require_content(plan, text)
        if plan.edited is not None and plan.kind != "diff":
            return _best_reading(plan, plan.edited, text, complete)
        return _new(plan, text, complete)
    except Muddled as error:
        return Verdict((complete, Check("content", False, str(error), codes.MUDDLED)))
    except EditFailed as error:
        applies = Check("applies", False, str(error), codes.EDIT_NOT_FOUND)
        return Verdict((complete, Check("content", passed=True), applies))


def _damaged() -> Check:
    message = "The answer has damaged characters (U+FFFD); write those characters again."
    return Check("characters", passed=False, message=message, code=codes.DAMAGED)


def _best_reading(plan: Plan, edited: Source, text: str, complete: Check) -> Verdict:
    best: Verdict | None = None
    for reading in readings(plan, edited, text):
        edits = without_blanks(edited, reading.edits, plan.language)
        after = apply(edited.text, edits)
        rename = None if plan.selected else completed_rename(edited.text, after, plan.language)
        if rename is not None:
            edits, after = rename.edits, apply(edited.text, rename.edits)
        found = chain(check_edit(plan, edited, after, edits), remarks(plan, text))
        verdict = _judged(complete, after, edits, found)
        if rename is not None and verdict.passed:
            told = f"renamed {rename.old} in {rename.missed} more places that refer to it"
            verdict = _with_notice(verdict, Notice(told))
        if best is not None and verdict.passed and best.failure is not None:
            why = best.failure.message.partition(";")[0]
            verdict = _with_notice(verdict, Notice(f"only the answer's definitions were used: {why}"))
        if best is None or rank(verdict) < rank(best):
            best = verdict
        if best.passed:
            break
    return best or Verdict((_empty(),))


def _with_notice(verdict: Verdict, notice: Notice) -> Verdict:
    return replace(verdict, notices=(notice, *verdict.notices))


def _new(plan: Plan, text: str, complete: Check) -> Verdict:
    if plan.kind == "diff":
        return Verdict((complete, Check("content", passed=True)), text)  # see ``patches``
    if plan.kind in ("explain", "raw"):
        body = text.strip("\n")
        return _judged(complete, body, (), [_quotes(plan, body)] if plan.kind == "explain" else [])
    content = content_of(plan, text)
    body = content.text.strip("\n")
    result = body + "\n" if plan.target is not None else body
    beside = () if content.fenced else remarks(plan, body)
    return _judged(complete, result, (), chain(_checks_of_new(plan, result), beside))


def _judged(
    complete: Check, result: str, edits: Sequence[Edit], found: "Iterator[Finding] | Sequence[Finding]"
) -> Verdict:
    """Return the verdict on a result, up to the first failed check."""
    if not result.strip() and not edits:
        return Verdict((_empty(),))
    checks = [complete, Check("content", passed=True)]
    notices: list[Notice] = []
    unchecked: list[str] = []
    for each in found:
        if isinstance(each, Notice):
            notices.append(each)
        elif isinstance(each, str):
            unchecked.append(each)
        elif each is not None:
            checks.append(each)
            if not each.passed:
                return Verdict(tuple(checks), result)
    once = tuple(dict.fromkeys(notices))
    strength: Strength = "parsed" if any(each.name == "parses" for each in checks) else "not checked"
    return Verdict(tuple(checks), result, tuple(edits), once, tuple(unchecked), strength)


Finding = Check | Notice | str | None
"""A check, a notice, the name of a check that could not run, or None."""


def check_edit(plan: Plan, edited: Source, after: str, edits: Sequence[Edit]) -> Iterator[Finding]:
    """Yield the findings on one edited file, one by one."""
    yield _changed(edited.text, after)
    yield from _parses(plan, edited.text, after)
    yield _encodes(edited, edits)
    checks, notices = check_structure(plan, edited.text, after, edits)
    yield from checks
    yield from notices
    if edited.text.split() == after.split():
        yield Notice("only white space changed", likely=True)
    yield from check_python(plan, edited.text, after)


def _checks_of_new(plan: Plan, result: str) -> Iterator[Finding]:
    yield from _parses(plan, "", result)
    yield from _replaced(plan, result)
    yield _copied(plan, result)
    yield from hollow("", result, plan.language)
    yield from check_python(plan, "", result)


def _complete(generation: Generation, text: str) -> Check:
    def failed(message: str, code: str, *, hopeless: bool = False) -> Check:
        return Check("complete", passed=False, message=message, code=code, hopeless=hopeless)

    if not text.strip() and (generation.thinking.strip() or generation.text.strip()):
        cut = generation.finish_reason == "length"
        return failed("The model produced only thoughts.", codes.ONLY_THINKING, hopeless=cut)
    if generation.finish_reason == "length":
        return cut_answer(generation)
    if generation.finish_reason in STOPPED:
        return failed(*STOPPED[generation.finish_reason])
    if not text.strip():
        return _empty()
    return Check("complete", passed=True)


def cut_answer(generation: Generation) -> Check:
    """Return the failed check of an answer that reached the token limit."""
    message = f"The answer was cut after {generation.completion_tokens:,} tokens."
    return Check("complete", passed=False, message=message, code=codes.ANSWER_CUT, hopeless=True)


def _empty() -> Check:
    return Check("complete", False, "The answer was empty.", codes.ANSWER_EMPTY)


def _changed(before: str, after: str) -> Check | None:
    if before != after:
        return None
    message = "The answer is the same as the file; make the change that the task asks for."
    return Check("changed", passed=False, message=message, code=codes.NOTHING_CHANGED)


def _parses(plan: Plan, before: str, after: str) -> Iterator[Finding]:
    if not plan.file_name and plan.language is None:
        return
    parsed = parse_result(before, after, plan.file_name, plan.language)
    if not parsed.checked:
        yield "parses"
    else:
        yield Check("parses", not parsed.error, parsed.error, codes.DOES_NOT_PARSE if parsed.error else "")


def _encodes(edited: Source, edits: Sequence[Edit]) -> Check | None:
    """Check for characters that the file's encoding lacks, or may lack if the encoding is uncertain."""
    added = "".join(edit.text for edit in edits)
    fault = unencodable(added, edited.text, edited.encoding, guessed=edited.guessed)
    return None if not fault else Check("encoding", False, fault, codes.OUT_OF_SCOPE)


def _replaced(plan: Plan, after: str) -> Iterator[Finding]:
    """Compare a file that the task rewrites, without having read it, with its previous content."""
    language, target = plan.language, plan.target
    if target is None or language is None or not language.has_definitions or not target.text.strip():
        return
    left = {each.name for each in definitions(after, language)}
    gone = [each.name for each in definitions(target.text, language) if each.name not in left]
    if not gone:
        yield Check("definitions", passed=True)
        return
    message = (
        f"{target.shown} exists and would lose {_list(gone)}; "
        "name it in files to edit it, or remove it to write it anew."
    )
    yield Check("definitions", passed=False, message=message, code=codes.OUT_OF_SCOPE, hopeless=True)


def _copied(plan: Plan, after: str) -> Check | None:
    """Check that a new test file imports the code under test instead of copying it."""
    language = plan.language
    if not plan.is_test or language is None or not language.has_definitions:
        return None
    own = {each.name: after[each.start : each.end].split() for each in definitions(after, language)}
    for source in plan.sources:
        if language_of(source.path.name) == language:
            copied = [
                each.name
                for each in definitions(source.text, language)
                if each.level == 0 and own.get(each.name) == source.text[each.start : each.end].split()
            ]
            if copied:
                message = f"It defines {_list(copied)} again; import the tested code from {source.path.stem}."
                return Check("tests", passed=False, message=message, code=codes.OUT_OF_SCOPE)
    return None


def _quotes(plan: Plan, text: str) -> Check | None:
    """Check that quotes in an answer about logs or other text occur there verbatim.

    Answers about code are exempt, because they can quote suggested code.
    """
    if not plan.sources or any(language_of(source.path.name) for source in plan.sources):
        return None
    known = "\n".join([plan.task.task, plan.task.context, *(source.selected for source in plan.sources)])
    missing = [quote for line in text.split("\n") for quote in missing_quotes(line, known)]
    if missing:
        message = f"It quotes {missing[0]!r}, which is not in the text; quote exactly."
    elif len(plan.sources) == 1:
        source = plan.sources[0]
        first = source.text.count("\n", 0, source.start) + 1
        message = misplaced_quote(text, source.selected, first) or ""
    else:
        message = ""
    passed = replace(Check("quotes", passed=True), message=message)
    return passed if not message else replace(passed, passed=False, code=codes.QUOTE_MISSING)


def _list(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
