"""Generates mutants of a Python module: versions with one small fault that a good test should notice."""

import ast
import copy
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import zip_longest

MOST = 30

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}

Change = tuple[str, Callable[[ast.AST], ast.AST | None]]
"""A description of a mutation and the replacement node. None removes the statement."""


@dataclass(frozen=True)
class Mutant:
    """A module with one small fault.

    Attributes:
        line: line of the fault in the original source.
        change: what was changed.
        source: the whole mutated module, without the original comments and formatting.
    """

    line: int
    change: str
    source: str


def mutants(source: str, *, most: int = MOST, within: Collection[str] = ()) -> list[Mutant]:
    """Return up to ``most`` mutants, spread evenly over the module's functions.

    Args:
        source: the module.
        most: maximum number of mutants.
        within: names of the functions and classes to mutate; all if empty.

    Raises:
        SyntaxError: the module does not parse.
    """
    tree = ast.parse(source)
    by_function: dict[str, list[tuple[int, Change]]] = {}
    for place, (owner, node) in enumerate(_walk(tree, "")):
        if owner and (not within or set(owner.split(".")) & set(within)):
            by_function.setdefault(owner, []).extend((place, change) for change in _changes(node))
    # Take one mutant from each function in turn, and within a function from all of its parts.
    queues = [_spread(found, most) for found in by_function.values()]
    chosen = [each for row in zip_longest(*queues) for each in row if each is not None]
    original = ast.unparse(tree)
    made: dict[str, Mutant] = {}
    for place, (what, change) in chosen:
        mutated, line = _apply(tree, place, change)
        if mutated not in (None, original):
            made.setdefault(str(mutated), Mutant(line, what, str(mutated)))
        if len(made) == most:
            break
    return list(made.values())


def _walk(node: ast.AST, owner: str, *, frozen: bool = False) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the name of its enclosing definition, in a fixed order. The name is empty for
    nodes that must not be mutated.
    """
    yield ("" if frozen else owner, node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        owner = f"{owner}.{node.name}".lstrip(".")
    for name, value in ast.iter_fields(node):
        # A test of behaviour does not see error texts, annotations or decorators.
        fixed = frozen or name in ("annotation", "returns", "decorator_list", "exc", "msg", "format_spec")
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, owner, frozen=fixed or _is_docstring(child))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and (other := _COMPARISONS.get(type(node.ops[0]))) is not None:
        yield "another comparison", lambda n: _with(n, ops=[other(), *_compare(n).ops[1:]])
    elif (
        isinstance(node, ast.BinOp | ast.AugAssign)
        and (operator := _ARITHMETIC.get(type(node.op))) is not None
    ):
        yield "another operator", lambda n: _with(n, op=operator())
    elif isinstance(node, ast.BoolOp):
        swapped = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield "and for or", lambda n: _with(n, op=swapped())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "without the sign or not", lambda _: node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "returns nothing", lambda n: _with(n, value=ast.Constant(None))
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "the opposite condition", lambda n: _with(n, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Break):
        yield "continue for break", lambda _: ast.Continue()
    elif isinstance(node, ast.Continue):
        yield "break for continue", lambda _: ast.Break()
    elif isinstance(node, ast.Raise | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "without a statement", lambda _: ast.Pass()


def _constants(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield "the opposite constant", lambda _: ast.Constant(not value)
    elif isinstance(value, int | float):
        yield "another number", lambda _: ast.Constant(value + 1)
    elif isinstance(value, str):
        yield "another text", lambda _: ast.Constant(f"{value}X" if value else "X")


def _spread(found: list[tuple[int, Change]], most: int) -> list[tuple[int, Change]]:
    """Return up to ``most`` entries, spread over the whole list."""
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]


def _apply(
    tree: ast.Module, place: int, change: Callable[[ast.AST], ast.AST | None]
) -> tuple[str | None, int]:
    """Return the source with the node at ``place`` changed, and the node's line. The source is None if the
    change cannot be written as code.
    """
    mutated = copy.deepcopy(tree)
    target = next(node for at, (_, node) in enumerate(_walk(mutated, "")) if at == place)
    replacement = change(target)
    _Replace(target, replacement).visit(mutated)
    try:
        text = ast.unparse(ast.fix_missing_locations(mutated))
        ast.parse(text)
    except (SyntaxError, ValueError, AttributeError):
        return None, 0
    return text, getattr(target, "lineno", 0)


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST | None) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST | None:
        """Replace the target node and keep searching everywhere else."""
        if node is self.target:
            return self.replacement
        result: ast.AST = self.generic_visit(node)
        return result


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _compare(node: ast.AST) -> ast.Compare:
    assert isinstance(node, ast.Compare)
    return node
