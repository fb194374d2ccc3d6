"""Whether an edit stays with what the task names: nothing else vanishes or changes, nothing explodes."""

import re
from collections import Counter
from dataclasses import dataclass

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.code.languages import Language
from server.offload.code.syntax import Definition, definitions, loose_code
from server.offload.values import Check

_GLOBAL = re.compile(
    r"\b(all|every|each|everywhere|everything|throughout|whole|entire|file|module|rename|format|"
    r"(?:functions|methods|classes|types|docstrings|comments|hints|annotations|tests))\b",
    re.IGNORECASE,
)
_REMOVES = re.compile(
    r"\b(rename|remove|delete|drop|strip|shorten|simplify|reduce|split|extract|move|merge|inline|replace|rewrite|"
    r"refactor|clean|dedup\w*|convert|port|translate)\b",
    re.IGNORECASE,
)
_THING = r"(?:the\s+)?(?:(?:function|method|class|helper)s?\s+)?`?"
_REMOVE = re.compile(
    rf"\b(?:remove|delete)\s+{_THING}(?P<name>[A-Za-z_]\w*)(?![\w']|\s+\w+ (?:from|in)\b)", re.IGNORECASE
)
_RENAME = re.compile(
    rf"\brename\s+{_THING}(?P<old>[A-Za-z_]\w*)`?(?:\(\))?\s+(?:to|into|as)\s+`?(?P<new>[A-Za-z_]\w*)",
    re.IGNORECASE,
)
GROWTH_LINES = 300
"""Lines that a file may always grow by; beyond it, three times its own length."""


def check_scope(plan: Plan, before: str, after: str) -> Check:
    """Compare the edited file before and after."""
    found = _vanished_or_changed(plan, before, after) or _size(plan.task.task, before, after)
    return Check("scope", found is None, found or "", codes.OUT_OF_SCOPE if found else "")


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
    return Check("scope", passed=False, message=message, code=codes.OUT_OF_SCOPE, hopeless=True)


def _vanished_or_changed(plan: Plan, before: str, after: str) -> str | None:
    language, task = plan.language, plan.task.task
    if language is None or not language.has_definitions:
        return None
    old, new = definitions(before, language), definitions(after, language)
    named = {each.name for each in old if _mentions(task, each)}
    found = (
        _headless(plan, old, new)
        or _vanished(task, old, new, named)
        or _doubled(old, new)
        or _not_done(task, old, new)
    )
    if found is None and named and not _GLOBAL.search(task):
        found = _lost_lines(task, before, after, language)
        if found is None and plan.kind != "edit_selection":
            found = _changed(_Side(before, old), _Side(after, new), named)
    return found


@dataclass(frozen=True)
class _Side:
    """A text and its definitions: the file before, or after."""

    text: str
    definitions: tuple[Definition, ...]

    def own_lines(self, definition: Definition) -> list[str]:
        """Return a definition's lines without those of the definitions in it, blanks aside."""
        parts: list[str] = []
        done = definition.start
        for each in self.definitions:
            if (
                each.start >= done
                and each.end <= definition.end
                and each.name.startswith(f"{definition.name}.")
            ):
                parts.append(self.text[done : each.start])
                done = each.end
        parts.append(self.text[done : definition.end])
        return [line.rstrip() for line in "".join(parts).split("\n") if line.strip()]


def _headless(plan: Plan, old: tuple[Definition, ...], new: tuple[Definition, ...]) -> str | None:
    """Look for a selected function that came back without its head, only as lines of its body."""
    edited = plan.edited
    if plan.kind != "edit_selection" or edited is None or _REMOVES.search(plan.task.task):
        return None
    left = {each.name for each in new}
    for each in old:
        if (each.start, each.end) == (edited.start, edited.end) and each.name not in left:
            head = edited.text[each.head : each.body].strip().split("\n")[0]
            return f"The answer lacks {each.last} itself; give the whole of it, beginning with `{head}`."
    return None


def _vanished(
    task: str, old: tuple[Definition, ...], new: tuple[Definition, ...], named: set[str]
) -> str | None:
    left = {each.name for each in new}
    may_go = named if _REMOVES.search(task) else set()
    gone = [each.name for each in old if each.name not in left and not _belongs(each.name, may_go)]
    if not gone:
        return None
    return f"{_list(gone)} vanished, which the task does not ask for; keep what it does not name as it is."


def _not_done(task: str, old: tuple[Definition, ...], new: tuple[Definition, ...]) -> str | None:
    """Look for a removal or a renaming that the task asks for in plain words and that did not happen."""
    before, after = {each.last for each in old}, {each.last for each in new}
    removed = [match["name"] for match in _REMOVE.finditer(task)]
    renamed = [(match["old"], match["new"]) for match in _RENAME.finditer(task)]
    left = [name for name in (*removed, *(pair[0] for pair in renamed)) if name in before and name in after]
    if left:
        return f"{_list(left)} is still there; the task asks to remove or rename it."
    missing = [pair[1] for pair in renamed if pair[0] in before and pair[1] not in after]
    return f"The task asks for {_list(missing)}, which is not there." if missing else None


def _changed(before: _Side, after: _Side, named: set[str]) -> str | None:
    new = {each.name: each for each in after.definitions}
    changed = [
        each.name
        for each in before.definitions
        if each.name in new
        and not _belongs(each.name, named)
        and before.own_lines(each) != after.own_lines(new[each.name])
        and not _uses(before.text[each.start : each.end], named)
    ]
    if not changed:
        return None
    return f"{_list(changed)} changed, which the task does not name; keep it exactly as it was."


def _lost_lines(task: str, before: str, after: str, language: Language) -> str | None:
    """Look for lines outside of all definitions that are gone and not named."""
    left = {line.strip() for line in after.split("\n")}
    for line in loose_code(before, language):
        words = re.findall(r"[A-Za-z_]\w{2,}", line)
        if line not in left and not any(re.search(rf"\b{word}\b", task) for word in words):
            return f"The line {line[:80]!r} vanished, which the task does not name; keep it as it is."
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


def _uses(text: str, named: set[str]) -> bool:
    """Whether a text calls one of ``named``, and so may have to change with it."""
    return any(re.search(rf"(?<!\w){re.escape(each.rpartition('.')[2])}(?!\w)", text) for each in named)


def _doubled(old: tuple[Definition, ...], new: tuple[Definition, ...]) -> str | None:
    """Look for names that are defined more often than before, or within themselves."""
    before, after = Counter(each.name for each in old), Counter(each.name for each in new)
    doubled = [name for name in before if after[name] > before[name]]
    kinds = {each.name: each.kind for each in new}
    nested = [name for name in after if name not in before and _is_within_itself(name, kinds)]
    if not doubled and not nested:
        return None
    return f"{_list(doubled or nested)} is defined twice now; give it once, without what is around it."


def _is_within_itself(name: str, kinds: dict[str, str]) -> bool:
    """Whether a function stands in a function, or a class in a class, of the same name."""
    outer, _, last = name.rpartition(".")
    return outer.rpartition(".")[2] == last and kinds.get(outer) == kinds[name]


def _list(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
