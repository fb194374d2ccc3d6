"""One-line facts about code: ``f([3, 1]) == [1, 3]``, ``raises ValueError: f(-1)``, ``not f("")``."""

import ast
import sys
from dataclasses import dataclass
from typing import Literal

Operator = Literal[
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "contains",
    "lacks",
    "is",
    "is not",
    "true",
    "false",
    "raises",
]

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_MIRRORED: dict[Operator, Operator] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
    "in": "contains",
    "not in": "lacks",
}
_COMMON = {
    "Decimal": "decimal",
    "Fraction": "fractions",
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
    "timezone": "datetime",
    "Path": "pathlib",
    "PurePosixPath": "pathlib",
    "UUID": "uuid",
    "Counter": "collections",
    "OrderedDict": "collections",
    "defaultdict": "collections",
    "deque": "collections",
    "StringIO": "io",
    "BytesIO": "io",
}
"""Standard library classes that a fact can use without importing them, with their modules."""
_LONGEST = 1_000


class FactError(ValueError):
    """The text is not a fact. The message says why."""


@dataclass(frozen=True)
class Fact:
    """One fact about code.

    Attributes:
        text: the fact as written.
        left: expression evaluated in the module.
        operator: how the value relates to ``right``; ``true`` and ``false`` have no right side.
        right: expression for the expected value, or the exception's class name.
    """

    text: str
    left: str
    operator: Operator
    right: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The names in the expression evaluated in the module."""
        return names_in(self.left)


def parse_fact(text: str) -> Fact:
    """Parse a fact.

    Raises:
        FactError: the text is not a valid fact.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise FactError(f"A fact has at most {_LONGEST} characters.")
    head, colon, rest = text.partition(":")
    words = head.split()
    if (
        colon
        and len(words) == 2
        and words[0] == "raises"
        and all(w.isidentifier() for w in words[1].split("."))
    ):
        return Fact(text, ast.unparse(_expression(rest.strip())), "raises", words[1])
    tree = _expression(text.removeprefix("assert ").strip())
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _with_call(Fact(text, ast.unparse(tree.operand), "false"))
    if not isinstance(tree, ast.Compare):
        if isinstance(tree, ast.BoolOp):
            raise FactError("A fact has one comparison; give two facts.")
        return _with_call(Fact(text, ast.unparse(tree), "true"))
    if len(tree.ops) != 1:
        raise FactError("A fact has one comparison; give two facts.")
    left, right, operator = tree.left, tree.comparators[0], _OPERATORS[type(tree.ops[0])]
    if operator in ("is", "is not") and not _is_singleton(right):
        raise FactError("`is` compares only with None, True or False.")
    if is_literal(left) and not is_literal(right) and operator in _MIRRORED:
        left, right, operator = right, left, _MIRRORED[operator]
    return _with_call(Fact(text, ast.unparse(left), operator, ast.unparse(right)))


def is_literal(tree: ast.expr) -> bool:
    """Return whether an expression is a literal, so that its value is known without the sandbox."""
    try:
        ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def names_in(expression: str) -> frozenset[str]:
    """Return the names an expression reads."""
    return frozenset(node.id for node in ast.walk(_expression(expression)) if isinstance(node, ast.Name))


def with_imports(expression: str, bound: frozenset[str]) -> str:
    """Return the expression with standard library names written out as imports, unless they are bound
    elsewhere.

    ``f(Decimal("1"))`` becomes ``f(__import__('decimal').Decimal('1'))``. The module's own names are left
    alone so that a missing import in the module is not hidden.
    """
    return ast.unparse(_Imports(bound).visit(_expression(expression)))


def _is_singleton(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Constant) and (tree.value is None or isinstance(tree.value, bool))


class _Imports(ast.NodeTransformer):
    def __init__(self, bound: frozenset[str]) -> None:
        self.bound = bound

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        owner = node.value
        if isinstance(owner, ast.Name) and self._is_module(owner.id):
            return ast.Attribute(_imported(owner.id), node.attr, node.ctx)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in _COMMON and node.id not in self.bound:
            return ast.Attribute(_imported(_COMMON[node.id]), node.id, node.ctx)
        return _imported(node.id) if self._is_module(node.id) else node

    def _is_module(self, name: str) -> bool:
        return name in sys.stdlib_module_names and name not in self.bound


def _imported(module: str) -> ast.Call:
    return ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(module)], [])


def _expression(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise FactError(f"`{text[:80]}` is not a Python expression: {error}.") from None


def _with_call(fact: Fact) -> Fact:
    """Return the fact if it says something about the code: ``left`` must contain a call or a name."""
    if not any(isinstance(node, ast.Call | ast.Name) for node in ast.walk(_expression(fact.left))):
        raise FactError(f"`{fact.text[:80]}` does not name anything in the code.")
    return fact
