"""The syntax of JavaScript and TypeScript modules: definitions, demonstrations, names."""

from collections.abc import Collection, Iterator
from functools import cache

import tree_sitter_javascript
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

FUNCTIONS = frozenset(
    {
        *("function_declaration", "function_expression", "arrow_function", "method_definition"),
        *("generator_function", "generator_function_declaration"),
    }
)
"""Syntax node types for functions."""
_CLASSES = frozenset({"class_declaration", "class", "abstract_class_declaration"})
ANONYMOUS = "module.exports"
"""Name given to an unnamed function that is exported as the whole module."""
_EXPORTS = ("module.exports", "exports.")
_PATTERN_NAMES = frozenset({"shorthand_property_identifier_pattern"})
_BINDING = frozenset(
    {
        *("formal_parameters", "array_pattern", "rest_pattern", "object_assignment_pattern"),
        *("required_parameter", "optional_parameter", "import_specifier", "import_clause", "catch_clause"),
    }
)
"""Syntax nodes that bind the identifiers inside them."""
_UNRUN = {"jsx_element": "JSX", "jsx_self_closing_element": "JSX", "decorator": "decorators"}


def uses(source: str, name: str, *, typescript: bool) -> frozenset[str]:
    """Return the names a definition reads."""
    return frozenset(
        text_of(each)
        for known, node in defined(source, typescript=typescript)
        if known == name
        for each in walk(node)
        if each.type == "identifier"
    )


def is_module(source: str) -> bool:
    """Return whether the text is an ES module: it has imports, exports or a top-level ``await``."""
    return any(
        node.type in ("import_statement", "export_statement")
        or (node.type == "expression_statement" and any(c.type == "await_expression" for c in node.children))
        for node in tree_of(source, typescript=False).named_children
    )


def definitions(source: str, *, typescript: bool) -> dict[str, str]:
    """Return the top-level functions and classes by name, with all whitespace removed."""
    return {name: "".join(text_of(node).split()) for name, node in defined(source, typescript=typescript)}


def heads(source: str, names: Collection[str], *, typescript: bool) -> list[str]:
    """Return the first line of each of these functions and classes."""
    found = defined(source, typescript=typescript)
    return [text_of(node).splitlines()[0] for name, node in found if name in names]


def emptied(source: str, names: Collection[str], *, typescript: bool) -> str:
    """Return a module in which these functions, and the methods of these classes, do nothing."""
    data = source.encode()
    spans = [
        (body.start_byte, body.end_byte, b"{}" if body.type == "statement_block" else b"undefined")
        for name, node in defined(source, typescript=typescript)
        if name in names
        for body in _bodies(node)
    ]
    for start, end, empty in sorted(spans, reverse=True):
        data = data[:start] + empty + data[end:]
    return data.decode()


def without_demonstrations(source: str, *, typescript: bool) -> str:
    """Return a module without the statements at its end that only print the results of its functions."""
    nodes = [node for node in tree_of(source, typescript=typescript).named_children if node.type != "comment"]
    own = {name for name, _ in defined(source, typescript=typescript)}
    last = max((place for place, node in enumerate(nodes) if any(_named(node))), default=-1)
    shown: list[Node] = []
    for node in reversed(nodes[last + 1 :]):
        if _prints(node) or (shown and _only_sets(node, own)):
            shown.append(node)
        elif not _exports(node):
            break
    if last < 0 or not shown:
        return source
    data = source.encode()
    for node in shown:
        data = data[: node.start_byte] + data[node.end_byte :]
    return data.decode().rstrip() + "\n"


def why_unrun(source: str, *, typescript: bool) -> str | None:
    """Return a description of syntax that no engine runs directly; None if there is none."""
    nodes = walk(tree_of(source, typescript=typescript))
    return next((f"it has {_UNRUN[node.type]}" for node in nodes if node.type in _UNRUN), None)


def binds(source: str, name: str, *, typescript: bool) -> bool:
    """Return whether a name is bound in any scope of a module."""
    for node in walk(tree_of(source, typescript=typescript)):
        above = node.parent
        if above is None or text_of(node) != name:
            continue
        if node.type in _PATTERN_NAMES or (node.type == "identifier" and above.type in _BINDING):
            return True
        if node.type == "identifier" and above.child_by_field_name("name") == node:
            return True
    return False


def calls(node: Node, names: Collection[str]) -> bool:
    if node.type == "call_expression":
        return text_of(node.child_by_field_name("function")) in names
    return node.type == "new_expression" and text_of(node.child_by_field_name("constructor")) in names


def calls_below(node: Node, names: Collection[str]) -> bool:
    return any(calls(each, names) for each in walk(node))


def defined(source: str, *, typescript: bool) -> list[tuple[str, Node]]:
    """Return the top-level functions and classes by name."""
    statements = tree_of(source, typescript=typescript).named_children
    return [(name, node) for statement in statements for name, node in _named(statement) if name]


def _named(statement: Node) -> Iterator[tuple[str, Node]]:
    """Yield the functions and classes defined by a top-level statement."""
    exported = statement.type == "export_statement"
    node = (statement.child_by_field_name("declaration") if exported else None) or statement
    value = statement.child_by_field_name("value") if exported else None
    if value is not None and value.type in FUNCTIONS | _CLASSES:
        yield text_of(value.child_by_field_name("name")) or ANONYMOUS, value
    elif node.type in FUNCTIONS | _CLASSES:
        yield text_of(node.child_by_field_name("name")), node
    elif node.type in ("lexical_declaration", "variable_declaration"):
        for each in node.named_children:
            inner = each.child_by_field_name("value")
            if inner is not None and inner.type in FUNCTIONS | _CLASSES:
                yield text_of(each.child_by_field_name("name")), each
    elif node.type == "expression_statement":
        yield from _assigned(node)


def _assigned(statement: Node) -> Iterator[tuple[str, Node]]:
    """Yield the functions and classes that a statement assigns to ``module.exports`` or part of it."""
    node = statement.named_children[0]
    target, value = text_of(node.child_by_field_name("left")), node.child_by_field_name("right")
    if node.type != "assignment_expression" or value is None or not target.startswith(_EXPORTS):
        return
    if value.type in FUNCTIONS | _CLASSES:
        part = target.removeprefix("module.").removeprefix("exports").removeprefix(".")
        yield part or text_of(value.child_by_field_name("name")) or ANONYMOUS, value
    for each in value.named_children if value.type == "object" else ():
        inner = each.child_by_field_name("value")
        if each.type == "method_definition":
            yield text_of(each.child_by_field_name("name")), each
        elif inner is not None and inner.type in FUNCTIONS | _CLASSES:
            yield text_of(each.child_by_field_name("key")), inner


def _bodies(node: Node) -> Iterator[Node]:
    """Yield the bodies of the outermost functions in a node."""
    if node.type in FUNCTIONS:
        if (body := node.child_by_field_name("body")) is not None:
            yield body
        return
    for child in node.named_children:
        yield from _bodies(child)


def _prints(node: Node) -> bool:
    return node.type == "expression_statement" and text_of(node).startswith("console.")


def _only_sets(node: Node, own: Collection[str]) -> bool:
    """Return whether a statement only stores the functions' results to be printed later."""
    return node.type in ("lexical_declaration", "variable_declaration") and calls_below(node, own)


def _exports(node: Node) -> bool:
    return node.type == "export_statement" or text_of(node).startswith(("module.exports", "exports."))


def tree_of(text: str, *, typescript: bool) -> Node:
    return _parser(typescript).parse(text.encode()).root_node


@cache
def _parser(typescript: bool) -> Parser:
    grammar = tree_sitter_typescript.language_tsx if typescript else tree_sitter_javascript.language
    return Parser(Language(grammar()))


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.named_children:
        yield from walk(child)


def text_of(node: Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""
