"""The kind of a chore, derived from the form of the call and never from the wording of the task."""

from pathlib import PurePath
from typing import Literal, get_args

from server.offload.asking.plan import Plan

ChoreKind = Literal["new code", "new code unrun", "tests", "tests unrun", "edit", "data", "text", "question"]
"""``unrun``: the result cannot be executed here. ``data``: files without definitions. ``text``: prose."""
CHORE_KINDS: tuple[ChoreKind, ...] = get_args(ChoreKind)
CODE_WITHOUT_GRAMMAR = frozenset({".sql", ".r", ".pl", ".vue", ".svelte"})
"""Extensions of files with logic that no bundled grammar reads and nothing can run."""
RUN: tuple[ChoreKind, ...] = ("new code", "tests")


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
        return "edit" if code else "data"
    if plan.kind == "write":
        return "text"
    if not code:
        return "data"
    if plan.is_test:
        return "tests" if runs else "tests unrun"
    return "new code" if runs else "new code unrun"
