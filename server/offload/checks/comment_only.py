"""Tasks about docstrings, comments and type hints: the code itself must come out as it went in."""

import ast
import re
from dataclasses import dataclass, field

from tree_sitter import Node

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.docstrings import missing_docstrings
from server.offload.code.languages import Language, parser_of
from server.offload.code.python_tree import own_tree
from server.offload.values import Check, Source

_ABOUT = re.compile(
    r"\s*(?:please\s+)?(?:[^.,:;]{1,60}[,:]\s+)?"
    r"(?:add|write|give|put|insert|provide|improve|complete|update|annotate)\s+"
    r"(?:(?!(?:function|method|class|parameter|argument|test|with|that)s?\b)[\w'-]+\s+){0,4}?"
    r"(?:(?P<texts>docstrings?|js-?docs?|javadocs?|doc comments?|comments?)|"
    r"(?P<hints>type[- ](?:hints?|annotations?)))\b",
    re.IGNORECASE,
)
"""A task that begins with what is to be added: texts beside the code, or type hints."""
_UNCHANGED = re.compile(
    r"\b(?:(?:change|alter|touch|modify|edit) nothing(?: else)?|(?:keep|leave) (?:the|all|its|existing) "
    r"(?:code|rest|logic|behaviou?r)|(?:do not|don't|never|without) (?:chang|alter|touch|modify)\w*|"
    r"nothing else)\b",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"\b(?:fix|rename|refactor|implement|replace|remove|delete|make|simplif\w+|rewrite|extract|convert|log|"
    r"raise|import|add (?:a |the )?(?:function|method|class|parameter)|then|also)\b",
    re.IGNORECASE,
)

_OF_FILES = re.compile(
    r"\b(?:modules?|packages?|files?|headers?|licen[cs]es?|copyright|top)\b", re.IGNORECASE
)
"""What a file that is empty can have a text about: itself."""


def nothing_to_document(plan: Plan) -> Check | None:
    """Return that there is nothing to add docstrings, comments or hints to where the edited file is empty."""
    task = plan.task.task
    if plan.edited is None or plan.edited.text.strip() or plan.language is None:
        return None
    if not _ABOUT.match(task) or _MORE.search(task) or _OF_FILES.search(task):
        return None
    message = f"{plan.edited.shown} is empty: it has nothing to document. Leave it out."
    return Check("documented", False, message, codes.NOTHING_CHANGED, hopeless=True)


def check_documented(plan: Plan, edited: Source, after: str) -> Check | None:
    """Compare the code of an edited file before and after; None where the task may change it."""
    language, task, before = plan.language, plan.task.task, edited.text
    about = _ABOUT.match(task)
    if language is None or not language.has_definitions or about is None:
        return None
    if _MORE.search(task) and not _UNCHANGED.search(task):
        return None
    hints = (
        bool(about["hints"]) or re.search(r"\btype[- ](?:hint|annotation)", task, re.IGNORECASE) is not None
    )
    missing, where = None, ""
    if language.name == "Python":
        old, new = _python_code(before, hints=hints), _python_code(after, hints=hints)
        if old is None or new is None:
            return None
        same, where = old == new, _first_change(old, new)
        if same and (about["texts"] or "").lower().startswith("docstring"):
            missing = missing_docstrings(task, edited, after)
    else:
        same = hints or _tokens(before, language) == _tokens(after, language)
    if not same:
        message = f"The code itself changed{where}; add only what the task asks for, keep every line of code."
        return Check("documented", passed=False, message=message, code=codes.OUT_OF_SCOPE)
    if missing:
        return Check("documented", passed=False, message=missing, code=codes.NOT_AS_ASKED)
    return Check("documented", passed=True)


@dataclass(frozen=True)
class _Code:
    """A module without its texts: its statements, and the lines on which they begin."""

    statements: tuple[str, ...]
    lines: tuple[int, ...] = field(compare=False)


def _python_code(text: str, *, hints: bool) -> _Code | None:
    """Return the code of a module without its docstrings; without type hints, too, where ``hints``, and then
    without imports, which hints may need."""
    try:
        tree = own_tree(text)
        _Bare(hints).visit(tree)
        kept = [each for each in tree.body if not (hints and isinstance(each, ast.Import | ast.ImportFrom))]
        return _Code(tuple(ast.dump(each) for each in kept), tuple(each.lineno for each in kept))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _first_change(old: _Code, new: _Code) -> str:
    """Return where the code begins to differ, as the end of a clause."""
    for before, after, line in zip(old.statements, new.statements, new.lines, strict=False):
        if before != after:
            return f" in what begins at line {line}"
    return ""


class _Bare(ast.NodeTransformer):
    """Takes docstrings away, and type hints."""

    def __init__(self, hints: bool) -> None:
        self._hints = hints

    def visit(self, node: ast.AST) -> ast.AST:
        node = self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            node.body = [each for each in body if not self._is_beside(each)]
        if self._hints and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif self._hints and isinstance(node, ast.arg):
            node.annotation = None
        elif self._hints and isinstance(node, ast.AnnAssign) and node.value is not None:
            return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)
        return node

    def _is_beside(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Expr):
            return isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
        return isinstance(statement, ast.Pass)  # a docstring can take its place


def _tokens(text: str, language: Language) -> list[bytes]:
    """Return the words of the code, as the grammar parts them, without comments."""
    found: list[bytes] = []
    open_nodes: list[Node] = [parser_of(language).parse(text.encode()).root_node]
    while open_nodes:
        node = open_nodes.pop()
        if "comment" in node.type:
            continue
        if node.child_count == 0:
            found.append(node.text or b"")
        open_nodes.extend(reversed(node.children))
    return found
