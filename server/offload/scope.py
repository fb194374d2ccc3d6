"""Whether an edit stays with what the task names: nothing else vanishes or changes, nothing explodes."""

import re

from server.offload import reasons
from server.offload.languages import Language
from server.offload.plan import Plan
from server.offload.syntax import Definition, definitions
from server.offload.values import Check

_GLOBAL = re.compile(
    r"\b(all|every|each|everywhere|everything|throughout|whole|entire|file|module|rename|format|"
    r"(?:functions|methods|classes|types|docstrings|comments|hints|annotations|tests))\b",
    re.IGNORECASE,
)
_REMOVES = re.compile(
    r"\b(remove|delete|drop|strip|shorten|simplify|reduce|split|extract|move|merge|inline|replace|rewrite|"
    r"refactor|clean|dedup\w*|convert|port|translate)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:function|method|class|def|func|fn|struct|interface|helper)s?\s+(?:called\s+|named\s+)?"
    r"(?:`(?P<ticked>[A-Za-z_]\w*)[`(]|(?P<called>[A-Za-z_]\w*)\()",
    re.IGNORECASE,
)
GROWTH_LINES = 300
"""Lines that a file may always grow by; beyond it, three times its own length."""


def check_scope(plan: Plan, before: str, after: str) -> Check:
    """Compare the edited file before and after."""
    found = _vanished_or_changed(plan, before, after) or _size(plan.task.task, before, after)
    return Check("scope", found is None, found or "", reasons.OUT_OF_SCOPE if found else "")


def check_replaced(before: str, after: str, language: Language | None, shown: str) -> Check | None:
    """Compare a file that the task writes anew, without having read it, with what was there."""
    if language is None or not language.has_definitions or not before.strip():
        return None
    left = {each.name for each in definitions(after, language)}
    gone = [each.name for each in definitions(before, language) if each.name not in left]
    if not gone:
        return Check("scope", passed=True)
    message = (
        f"{shown} exists and would lose {_list(gone)}; "
        "name it in files to edit it, or remove it to have it new."
    )
    return Check("scope", passed=False, message=message, code=reasons.OUT_OF_SCOPE, hopeless=True)


def check_asked_names(task: str, after: str, language: Language | None) -> Check | None:
    """Look for the functions and classes that the task asks for by name; None where it names none."""
    if language is None or not language.has_definitions:
        return None
    asked = list(dict.fromkeys(match["ticked"] or match["called"] for match in _ASKED.finditer(task)))
    if not asked:
        return None
    present = {each.last for each in definitions(after, language)}
    missing = [name for name in asked if name not in present]
    if not missing:
        return Check("names", passed=True)
    message = f"The task asks for {_list(missing)}, which the answer does not define."
    return Check("names", passed=False, message=message, code=reasons.NAME_MISSING)


def _vanished_or_changed(plan: Plan, before: str, after: str) -> str | None:
    language, task = plan.language, plan.task.task
    if language is None or not language.has_definitions:
        return None
    old = {each.name: each for each in definitions(before, language)}
    new = {each.name: each for each in definitions(after, language)}
    named = {name for name, each in old.items() if _mentions(task, each)}
    gone = [name for name in old if name not in new and not _belongs(name, named)]
    if gone:
        return f"{_list(gone)} vanished, which the task does not name; keep it as it is."
    doubled = _doubled(definitions(before, language), definitions(after, language))
    if doubled:
        return f"{_list(doubled)} is defined twice now; give each definition once, without what is around it."
    if plan.kind == "edit_selection" or not named or _GLOBAL.search(task):
        return None
    changed = [
        name
        for name, each in old.items()
        if name in new
        and not _belongs(name, named)
        and not _around(name, named)
        and _own(before, each, old) != _own(after, new[name], new)
        and not _uses(before[each.start : each.end], named)
    ]
    if changed:
        return f"{_list(changed)} changed, which the task does not name; keep it exactly as it was."
    return None


def _size(task: str, before: str, after: str) -> str | None:
    old = sum(1 for line in before.split("\n") if line.strip())
    new = sum(1 for line in after.split("\n") if line.strip())
    if old >= 8 and new * 2 < old and not _REMOVES.search(task):
        return (
            f"Only {new} of {old} lines are left; give the whole file and keep what the task does not change."
        )
    if new > old + max(GROWTH_LINES, 3 * old):
        return f"The file would grow from {old} to {new} lines; change only what the task needs."
    return None


def _mentions(task: str, definition: Definition) -> bool:
    return re.search(rf"(?<!\w){re.escape(definition.last)}(?!\w)", task) is not None


def _belongs(name: str, named: set[str]) -> bool:
    """Whether ``name`` is one of ``named`` or lies within one."""
    return any(name == each or name.startswith(f"{each}.") for each in named)


def _around(name: str, named: set[str]) -> bool:
    return any(each.startswith(f"{name}.") for each in named)


def _uses(text: str, named: set[str]) -> bool:
    """Whether a text calls one of ``named``, and so may have to change with it."""
    return any(re.search(rf"(?<!\w){re.escape(each.rpartition('.')[2])}(?!\w)", text) for each in named)


def _own(text: str, definition: Definition, known: dict[str, Definition]) -> list[str]:
    """Return a definition's lines without those of the definitions in it, blanks at their ends aside."""
    inner = [
        each for each in known.values() if each.name.startswith(f"{definition.name}.")
        and definition.start <= each.start and each.end <= definition.end
    ]  # fmt: skip
    parts: list[str] = []
    done = definition.start
    for each in sorted(inner, key=lambda one: one.start):
        if each.start >= done:
            parts.append(text[done : each.start])
            done = each.end
    parts.append(text[done : definition.end])
    return [line.rstrip() for line in "".join(parts).split("\n") if line.strip()]


def _doubled(before: tuple[Definition, ...], after: tuple[Definition, ...]) -> list[str]:
    """Return the names that are defined more often than before and were there already."""
    counts = [each.name for each in before], [each.name for each in after]
    doubled = [n for n in dict.fromkeys(counts[0]) if counts[1].count(n) > counts[0].count(n)]
    known = {each.last for each in before}
    nested = [each.name for each in after if each.level and each.name.split(".")[-1] in known
              and each.name.split(".")[-2:-1] == each.name.split(".")[-1:]]  # fmt: skip
    return doubled or [name for name in nested if name not in counts[0]]


def _list(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
