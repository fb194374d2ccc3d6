"""Static checks for Python: undefined names, imports, typical mistakes.

Only newly introduced faults count against an answer.
"""

from collections.abc import Callable, Iterator

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.lint import broken_dataclasses, misplaced_docstrings, pitfalls, tried_out
from server.offload.checks.parameters import unread_parameters
from server.offload.checks.undefined_names import (
    bound_names,
    missing_imports,
    own_imports,
    undefined_attributes,
    undefined_names,
)
from server.offload.values import Check, Notice

Find = Callable[[str], tuple[tuple[str, int], ...]]


def check_python(plan: Plan, before: str, after: str) -> Iterator[Check | Notice]:
    """Yield the checks and notices one by one, or nothing for other languages."""
    if plan.language is None or plan.language.name != "Python":
        return
    missing = _new(undefined_names, before, after)
    if missing:
        bound = bound_names(before)
        for name, line in missing:
            if name in bound:
                message = (
                    f"Line {line} uses {name}, which is no longer defined or imported; keep its definition."
                )
                yield Check("defined", passed=False, message=message, code=codes.UNDEFINED_NAME)
                return
        name, line = missing[0]
        yield Notice(f"line {line} uses {name}, which is not defined in the file", likely=True)
    else:
        yield Check("defined", passed=True)
    for name, line in _new(undefined_attributes, before, after)[:1]:
        yield Notice(f"line {line} uses self.{name}, which its class never sets", likely=True)
    yield from _imports(plan, before, after)
    for line, slip in _new_lines(broken_dataclasses, before, after)[:1]:
        yield Check("lint", passed=False, message=f"Line {line}: {slip}", code=codes.PITFALL)
        return
    for line, slip in _new_lines(pitfalls, before, after)[:1]:
        yield Notice(f"line {line}: {slip}", likely=True)
    if plan.edited is None and not plan.is_test:
        for line, slip in unread_parameters(after)[:1]:
            yield Notice(f"line {line}: {slip}", likely=True)
    for line, slip in _new_lines(tried_out, before, after)[:1]:
        yield Notice(f"line {line}: {slip}", likely=True)
    for line, slip in _new_lines(misplaced_docstrings, before, after)[:1]:
        yield Notice(f"line {line}: {slip}", likely=True)


def _imports(plan: Plan, before: str, after: str) -> Iterator[Check]:
    """Check that names imported from the given files exist there, and that the file does not import
    itself.
    """
    shown = plan.edited.shown if plan.edited is not None else plan.target.shown if plan.target else ""
    own = [each for each in own_imports(after, shown) if each not in own_imports(before, shown)]
    if own:
        message = f"It imports {own[0]}, which is the file itself; leave that import out."
        yield Check("imports", passed=False, message=message, code=codes.UNDEFINED_NAME)
        return
    given = {
        each.shown: each.text for each in plan.sources if each.path.suffix == ".py" and each.shown != shown
    }
    missing = missing_imports(after, shown, given)
    if missing:
        known = missing_imports(before, shown, given)
        missing = [each for each in missing if each not in known]
    if missing:
        module, name = missing[0]
        message = (
            f"It imports {name} from {module}, which has no such name; use names that the given files define."
        )
        yield Check("imports", passed=False, message=message, code=codes.UNDEFINED_NAME)


def _new_lines(
    find: Callable[[str], tuple[tuple[int, str], ...]], before: str, after: str
) -> list[tuple[int, str]]:
    found = find(after)
    known = {slip for _, slip in find(before)} if found else set()
    return [each for each in found if each[1] not in known]


def _new(find: Find, before: str, after: str) -> list[tuple[str, int]]:
    """Return the findings that are new in the text, along with their lines."""
    found = find(after)
    known = {name for name, _ in find(before)} if found else set()
    return [each for each in found if each[0] not in known]
