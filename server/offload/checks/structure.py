"""Checks what else an edit changed, by comparing structure: refuse, deliver with a notice, or deliver."""

from collections.abc import Sequence

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.code.languages import Language
from server.offload.code.mentions import Mentions
from server.offload.compare.compare import compare
from server.offload.compare.spots import Places, places_of
from server.offload.compare.units import Unit, units_of
from server.offload.compare.usage import code_of
from server.offload.values import Check, Edit, Notice

GROWTH_LINES = 300
"""Growth, in lines, that never triggers a notice. A longer file may grow by three times its length."""


def check_structure(
    plan: Plan, before: str, after: str, edits: Sequence[Edit]
) -> tuple[list[Check], list[Notice]]:
    """Return the checks of an edited file, with any failed check last, and the notices."""
    if outside := _outside(plan, edits):
        return [Check("selection", passed=False, message=outside, code=codes.OUT_OF_SCOPE)], []
    if headless := _headless(plan, after, edits):
        return [Check("selection", passed=False, message=headless, code=codes.OUT_OF_SCOPE)], []
    found = compare(before, after, plan.file_name, plan.language)
    language = plan.language if plan.language is not None and plan.language.has_definitions else None
    mentions = Mentions(plan.task.task.replace(plan.file_name, " ") if plan.file_name else plan.task.task)
    named = [unit for unit in units_of(before, language) if mentions.has(unit.last)] if language else []
    places = places_of(before, after, language, mentions)
    notices: list[Notice] = []
    for change in found.changes:
        if change.weight == "wrong":
            message = f"It {change.text} (line {change.line}); change only what the task asks for."
            code = codes.PLACEHOLDER if change.how.startswith("left out") else codes.OUT_OF_SCOPE
            return [Check(found.compared, passed=False, message=message, code=code)], []
        name = change.words[0] if change.words else ""
        in_task = mentions.has(name)
        if not (in_task and (places.meant(change.line) or mentions.has_as_code(name))):
            # A task that names another definition of the file rarely means this one.
            notices.append(Notice(change.text, not in_task and (change.weight == "slip" or bool(named))))
    if not plan.selected:
        notices += _beside(mentions, places, named)
    notices += _size(before, after, shrinking=found.compared in ("lines", "cells", "sections"))
    checks = [Check("selection", passed=True)] if plan.selected else []
    return [*checks, Check(found.compared, passed=True)], notices


def _outside(plan: Plan, edits: Sequence[Edit]) -> str:
    """Return a message about an edit outside the selection, or an empty string if there is none."""
    spans = plan.selected
    if not spans or plan.edited is None:
        return ""
    for edit in edits:
        if not any(start <= edit.start and edit.end <= end for start, end in spans):
            line = plan.edited.text.count("\n", 0, edit.start) + 1
            return f"It changes line {line}, which is outside the selection; change only the selected part."
    return ""


def _headless(plan: Plan, after: str, edits: Sequence[Edit]) -> str:
    """Return a message if the answer gives only lines from the body of a selected function."""
    edited, language = plan.edited, plan.language
    if plan.kind != "edit_selection" or edited is None or language is None or len(edits) != 1:
        return ""
    edit = edits[0]
    selected = [
        unit
        for unit in units_of(edited.text, language)
        if (unit.start, unit.end) == (edit.start, edit.end) and edit.text.strip()
    ]
    inside = [
        unit
        for unit in units_of(after, language)
        if edit.start <= unit.end and unit.start <= edit.start + len(edit.text)
        if not selected or unit.level == selected[0].level
    ]
    if not selected or inside:
        return ""
    head = selected[0].head.strip().split("\n")[0]
    return f"The answer lacks {selected[0].last} itself; give all of it, beginning with `{head}`."


def _beside(mentions: Mentions, places: Places, named: Sequence[Unit]) -> list[Notice]:
    """Return notices for changed definitions that have little to do with the task."""
    if not places.hit and any(mentions.has_as_code(unit.last) for unit in named):
        return [Notice(change.text, likely=True) for change in places.all_changed()]
    return [Notice(change.text) for change in places.unrelated()]


_CONTAINERS = frozenset({"class", "module", "impl", "namespace", "interface", "struct", "object", "trait"})


def hollow(before: str, after: str, language: Language | None) -> list[Notice]:
    """Return notices for new definitions whose body is only a comment, meaning the work was postponed."""
    if language is None or not language.has_definitions:
        return []
    known = {unit.name for unit in units_of(before, language)}
    code = code_of(after, language)
    found: list[Notice] = []
    for unit in units_of(after, language):
        start = unit.end - len(unit.body)
        plain = code[start : unit.end].strip(_HOLLOW)
        if unit.kind in _CONTAINERS or unit.name in known or plain not in ("", "pass", "..."):
            continue
        head = after.find(unit.head.split("\n")[-1], unit.start)
        lines = zip(after[head : unit.end].split("\n"), code[head : unit.end].split("\n"), strict=True)
        if any(line.strip() and not rest.strip() for line, rest in lines) and not unit.docstring:
            found.append(Notice(f"{unit.name} contains only a comment", likely=True))
    return found


_HOLLOW = " \t\n{};"


def _size(before: str, after: str, *, shrinking: bool) -> list[Notice]:
    old = sum(1 for line in before.split("\n") if line.strip())
    new = sum(1 for line in after.split("\n") if line.strip())
    if shrinking and old >= 8 and new * 2 < old:
        return [Notice(f"only {new} of {old} lines are left", likely=True)]
    if new > old + max(GROWTH_LINES, 3 * old):
        return [Notice(f"the file grew from {old} to {new} lines", likely=False)]
    return []
