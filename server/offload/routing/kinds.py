"""The kind of a chore, derived from the form of the call and never from the wording of the task."""

from pathlib import PurePath
from typing import Literal, get_args

from server.offload.asking.plan import Plan

ChoreKind = Literal[
    "new code", "new code unrun", "tests", "tests unrun",
    "edit run", "edit", "long edit", "data", "text", "question",
]  # fmt: skip
"""``unrun``: the result cannot be executed here. ``edit run``: the call has examples that can be run here,
or names a check. ``long edit``: nothing is run, and the task's text is long. ``data``: files without
definitions. ``text``: prose.
"""
CHORE_KINDS: tuple[ChoreKind, ...] = get_args(ChoreKind)
CODE_WITHOUT_GRAMMAR = frozenset({".sql", ".r", ".pl", ".vue", ".svelte"})
"""Extensions of files with logic that no bundled grammar reads and nothing can run."""
RUN: tuple[ChoreKind, ...] = ("new code", "tests", "edit run")
LONG_TASK = 120
"""Length of an edit's task, in characters, above which the edit is a kind of its own. A longer task usually
states several rules, and a small model misses some of them. All edits of ``tests/bench/quality.py`` have
shorter tasks; all but one of ``tests/bench/realistic`` have longer ones.
"""


def kind_of(plan: Plan, *, runs: bool) -> ChoreKind:
    """Return the kind of a planned task.

    Args:
        plan: the plan.
        runs: whether this plan's results are executed here before delivery.
    """
    code = plan.language is not None and plan.language.has_definitions
    code = code or PurePath(plan.file_name).suffix.lower() in CODE_WITHOUT_GRAMMAR
    if plan.kind in ("explain", "raw"):
        return "question"
    if plan.edited is not None or plan.kind == "diff":
        return _edit_kind(plan, runs=runs, code=code)
    if plan.kind == "write":
        return "text"
    if not code:
        return "data"
    if plan.is_test:
        return "tests" if runs else "tests unrun"
    return "new code" if runs else "new code unrun"


def _edit_kind(plan: Plan, *, runs: bool, code: bool) -> ChoreKind:
    if plan.task.check or (code and runs and plan.task.examples):
        return "edit run"
    if len(plan.task.task.strip()) > LONG_TASK:
        return "long edit"
    return "edit" if code else "data"
