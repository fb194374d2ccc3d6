"""What reading alone shows to be wrong in Python: names that nothing defines, certain slips.

Only what the file did not have before is held against an answer.
"""

from collections.abc import Callable, Iterator

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.lint import pitfalls
from server.offload.checks.undefined_names import missing_imports, undefined_attributes, undefined_names
from server.offload.values import Check


def check_python(plan: Plan, before: str, after: str) -> Iterator[Check | None]:
    """Yield the checks one by one; None where there is nothing to say, none at all in other languages."""
    if plan.language is None or plan.language.name != "Python":
        return
    yield _defined(before, after)
    yield _attributes(before, after)
    yield _imports(plan, before, after)
    yield _pitfalls(before, after)


def _defined(before: str, after: str) -> Check | None:
    missing = _new(undefined_names, before, after)
    if not missing:
        return Check("defined", passed=True)
    name, line = missing[0]
    message = f"Line {line} uses {name}, which nothing defines; import or define it."
    return Check("defined", passed=False, message=message, code=codes.UNDEFINED_NAME)


def _attributes(before: str, after: str) -> Check | None:
    """Look for attributes of ``self`` that no method sets."""
    missing = _new(undefined_attributes, before, after)
    if not missing:
        return None
    name, line = missing[0]
    message = f"Line {line} uses self.{name}, which its class never sets; set it in __init__."
    return Check("defined", passed=False, message=message, code=codes.UNDEFINED_NAME)


def _imports(plan: Plan, before: str, after: str) -> Check | None:
    """Look at what is imported from the given files: it must be there."""
    given = {source.path.stem: source.text for source in plan.sources if source.path.suffix == ".py"}
    missing = missing_imports(after, given)
    if missing:
        known = missing_imports(before, given)
        missing = [each for each in missing if each not in known]
    if not missing:
        return None
    module, name = missing[0]
    what = (
        f"imports {name} from {module}, which has no such name"
        if name
        else f"imports {module}, a made-up name"
    )
    files = ", ".join(f"{stem}.py" for stem in given)
    message = f"It {what}; import what it uses from the given files ({files})." if files else f"It {what}."
    return Check("imports", passed=False, message=message, code=codes.UNDEFINED_NAME)


def _pitfalls(before: str, after: str) -> Check | None:
    found = pitfalls(after)
    if found:
        known = {slip for _, slip in pitfalls(before)}
        found = tuple(each for each in found if each[1] not in known)
    if not found:
        return None
    line, slip = found[0]
    return Check("pitfalls", passed=False, message=f"Line {line}: {slip}", code=codes.PITFALL)


def _new(
    find: Callable[[str], tuple[tuple[str, int], ...]], before: str, after: str
) -> list[tuple[str, int]]:
    """Return what is found in a text and was not in the one before, with its lines."""
    found = find(after)
    known = {name for name, _ in find(before)} if found else set()
    return [each for each in found if each[0] not in known]
