"""Names a module uses but does not bind, by scope."""

import ast
import builtins
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

_GIVEN = frozenset(dir(builtins)) | {
    *("__name__", "__file__", "__doc__", "__spec__", "__loader__", "__package__", "__path__"),
    *("__annotations__", "__builtins__", "__dict__", "__class__", "__module__", "__qualname__"),
    *("WindowsError", "reveal_type", "__debug__"),
}


@dataclass(frozen=True)
class Unbound:
    """Names that are not bound where they are used.

    Attributes:
        elsewhere: bound only in another scope of the module; certainly an error.
        nowhere: not bound anywhere in the module; an error, unless provided by the program that runs it.
        bound: names the module itself binds.
        star_imports: whether the module has star imports, which bind names its text does not show;
        ``elsewhere`` and ``nowhere`` are then empty.
    """

    elsewhere: tuple[str, ...] = ()
    nowhere: tuple[str, ...] = ()
    bound: frozenset[str] = frozenset()
    star_imports: bool = False


def unbound_names(source: str) -> Unbound:
    """Find the names a module uses but does not bind.

    Raises:
        SyntaxError: the module does not compile.
    """
    top = symtable.symtable(source, "<module>", "exec")
    tables = list(_below(top))
    bound = {symbol.get_name() for symbol in top.get_symbols() if _binds(symbol)}
    inner: set[str] = set()
    used: set[str] = set()
    for table in tables:
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(name)
            elif table is not top and (symbol.is_parameter() or (_binds(symbol) and symbol.is_local())):
                inner.add(name)
            if symbol.is_referenced() and (symbol.is_global() or table is top):
                used.add(name)
    stars = _has_star_import(source)
    missing = used - bound - _GIVEN
    return Unbound(
        elsewhere=() if stars else tuple(sorted(missing & inner)),
        nowhere=() if stars else tuple(sorted(missing - inner)),
        bound=frozenset(bound),
        star_imports=stars,
    )


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _below(child)


def _has_star_import(source: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        for node in ast.walk(ast.parse(source))
    )
