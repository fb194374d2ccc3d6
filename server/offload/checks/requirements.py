"""What a task says in plain words, against the result: names, parameters, errors, what is returned.

Only what can be told without doubt is held against an answer: a clause that a model could meet in another way
than by the word it uses is left to the user's own checks.
"""

import ast
import re
from collections.abc import Iterator

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.code.languages import Language, language_of
from server.offload.code.python_tree import nodes_of
from server.offload.code.syntax import definitions
from server.offload.values import Check, Source

_KIND = r"\b(?:function|method|class|def|func|fn|struct|interface|helper)s?\s+(?:called\s+|named\s+)?"
_ASKED = re.compile(
    _KIND + r"(?:`(?P<ticked>[A-Za-z_]\w*)[`(]|(?P<called>[A-Za-z_]\w*)\()",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"\b(?:function|method|def|helper)\s+(?:called\s+|named\s+)?`?(?P<name>[A-Za-z_]\w*)\((?P<parameters>[^()]*)\)",
    re.IGNORECASE,
)
_ADDED = re.compile(
    r"\badd\b[^.`]{0,40}?\b(?:parameter|argument|option)\s+(?:called\s+|named\s+)?`?(?P<parameter>[A-Za-z_]\w*)`?"
    r"(?:\s*=\s*\S+)?\s+to\s+(?:the\s+)?(?:(?:function|method)\s+)?`?(?P<name>[A-Za-z_]\w*)",
    re.IGNORECASE,
)
_NOT = "".join(
    f"(?<!{word} )" for word in ("not", "never", "without", "of", "than", "stop", "avoid", "longer", "n't")
)
_RAISED = re.compile(
    _NOT + r"\b(?i:raise|throw|raises|throws|raising|throwing)\s+(?:an?\s+|the\s+)?`?"
    r"(?P<error>[A-Z]\w*(?:Error|Exception|Interrupt|Exit|StopIteration))\b",
)
_MESSAGE = re.compile(r"\bmessage\s+(?P<quote>['\"`])(?P<text>[^'\"`{}]{3,80})(?P=quote)")
_RETURNS = re.compile(
    r"\b(?:that|and|which|must|should|to)\s+returns?\b(?! (?:nothing|none)\b)", re.IGNORECASE
)
_PORTS = re.compile(r"\b(port|translate|convert|same (?:classes|functions|module|code))\b", re.IGNORECASE)


def check_asked(plan: Plan, after: str) -> Iterator[Check | None]:
    """Yield a check for each kind of thing that the task asks for; None where it asks for none."""
    if plan.language is None or not plan.language.has_definitions:
        return
    if plan.edited is None:
        yield _names(plan, plan.language, after)
    yield _words(plan, after)
    if plan.edited is None and plan.language.name in ("JavaScript", "TypeScript"):
        yield _exported(plan, after)
    if plan.language.name == "Python":
        yield _functions(plan, after)


def asked_names(task: str) -> list[str]:
    """Return the functions and classes that a task asks for, by name and in its order."""
    return list(dict.fromkeys(match["ticked"] or match["called"] for match in _ASKED.finditer(task)))


def asked_errors(task: str) -> list[str]:
    """Return the classes of errors that a task wants to be raised."""
    return list(dict.fromkeys(match["error"] for match in _RAISED.finditer(task)))


def _names(plan: Plan, language: Language, after: str) -> Check | None:
    """Look for the definitions that the task asks for; to port code is to ask for every name of it,
    however the other language spells it."""
    task = plan.task.task
    asked = [name for name in asked_names(task) if not _is_given(plan, language, name)]
    if _PORTS.search(task):
        asked += [name for source in plan.sources for name in _top_names(source, language)]
    if not asked:
        return None
    present = {_plain(each.last) for each in definitions(after, language)}
    missing = [name for name in dict.fromkeys(asked) if _plain(name) not in present]
    if not missing:
        return Check("names", passed=True)
    message = f"The task asks for {', '.join(missing[:4])}, which the answer does not define."
    return Check("names", passed=False, message=message, code=codes.NAME_MISSING)


def _top_names(source: Source, language: Language) -> list[str]:
    """Return what a source in another language defines at its top."""
    own = language_of(source.path.name)
    if own is None or own == language:
        return []
    return [
        each.name for each in definitions(source.selected, own) if each.level == 0 and "." not in each.name
    ]


def _is_given(plan: Plan, language: Language, name: str) -> bool:
    """Whether a file of the result's language defines it already: a task may name what is to be used."""
    return any(
        each.last == name
        for source in plan.sources
        if language_of(source.path.name) == language
        for each in definitions(source.text, language)
    )


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _words(plan: Plan, after: str) -> Check | None:
    """Look for the errors and messages that the task spells out."""
    task = plan.task.task
    wanted = [*asked_errors(task), *(match["text"] for match in _MESSAGE.finditer(task))]
    if not wanted:
        return None
    missing = [word for word in wanted if word not in after]
    if not missing:
        return Check("asked", passed=True)
    return _not_as_asked(f"The task asks for {missing[0]!r}, which the answer nowhere has.")


def _exported(plan: Plan, after: str) -> Check | None:
    if not re.search(r"\bexport(?:s|ed)?\b", plan.task.task, re.IGNORECASE):
        return None
    if re.search(r"^\s*export\b|\bexports\b", after, re.MULTILINE):
        return Check("asked", passed=True)
    return _not_as_asked("It exports nothing, which the task asks for.")


def _functions(plan: Plan, after: str) -> Check | None:
    """Look at the functions whose signature the task gives, or to which it adds a parameter."""
    task = plan.task.task
    found = {
        node.name: node for node in _nodes(after) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    faults = []
    asked = 0
    for match in _SIGNATURE.finditer(task) if plan.edited is None else ():
        node, wanted = found.get(match["name"]), _parameters(match["parameters"])
        if node is not None and wanted:
            asked += 1
            rest = task[: match.start()] + task[match.end() :]
            faults.append(_signature_fault(node, wanted) or _body_fault(node, wanted, rest))
    for match in _ADDED.finditer(task):
        node = found.get(match["name"])
        if node is not None:
            asked += 1
            name = match["parameter"]
            lacks = name not in _own_parameters(node)
            faults.append(
                f"{node.name} has no parameter {name}, which the task asks for." if lacks
                else _unused(node, [name])
            )  # fmt: skip
    if not asked:
        return None
    fault = next((each for each in faults if each), None)
    return Check("asked", passed=True) if fault is None else _not_as_asked(fault)


def _signature_fault(node: ast.FunctionDef | ast.AsyncFunctionDef, wanted: list[str]) -> str | None:
    own = [name for name in _own_parameters(node) if name not in ("self", "cls")]
    named = [each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg in own]
    required = len(named) - len(node.args.defaults)
    if own[: len(wanted)] == wanted and required <= len(wanted):
        return None
    return f"{node.name} takes ({', '.join(own)}); the task asks for ({', '.join(wanted)})."


def _body_fault(node: ast.FunctionDef | ast.AsyncFunctionDef, wanted: list[str], rest: str) -> str | None:
    """Look for a parameter that the task speaks of and the function ignores, and for a missing return."""
    spoken_of = [name for name in wanted if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", rest)]
    fault = _unused(node, spoken_of)
    if fault is None and _RETURNS.search(rest) and len(asked_names(rest)) == 0 and not _gives(node):
        fault = f"{node.name} returns nothing, though the task says what it returns."
    return fault


def _unused(node: ast.FunctionDef | ast.AsyncFunctionDef, names: list[str]) -> str | None:
    read = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    unused = [name for name in names if name not in read and "locals" not in read]
    return f"{node.name} never uses its parameter {unused[0]}." if unused else None


def _gives(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Yield | ast.YieldFrom)
        or (isinstance(each, ast.Return) and each.value is not None)
        for each in ast.walk(node)
    )


def _own_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [each.arg for each in (*named, *rest)]


def _parameters(text: str) -> list[str] | None:
    """Return the names in a signature as the task writes it; None where it is a call, or hinted at."""
    for node in _nodes(f"def f({text}): pass"):
        if isinstance(node, ast.FunctionDef):
            return [name for name in _own_parameters(node) if name not in ("self", "cls")]
    return None


def _nodes(text: str) -> tuple[ast.AST, ...]:
    """Return all nodes of the syntax tree, none where the text does not parse: another check says so."""
    try:
        return nodes_of(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _not_as_asked(message: str) -> Check:
    return Check("asked", passed=False, message=message, code=codes.NOT_AS_ASKED)
