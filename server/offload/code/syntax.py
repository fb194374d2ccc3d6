"""A tree-sitter view of a source file: definitions, syntax errors, outline."""

import bisect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from tree_sitter import Node, Query, QueryCursor, Tree

from server.offload.code.languages import Language, grammar_of, parser_of

_VALUES_THAT_DEFINE = frozenset(
    {"arrow_function", "function_expression", "function", "generator_function", "class", "class_expression"}
)
_WRAPPERS = frozenset(
    {"decorated_definition", "export_statement", "ambient_declaration", "template_declaration"}
)
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_ATTRIBUTES = frozenset({"attribute_item"})
_TRANSPARENT = frozenset(
    {"lexical_declaration", "variable_declaration", "type_declaration", "method_signature", "declaration"}
)
_ELIXIR = {
    "defmodule": "module", "defprotocol": "protocol", "defimpl": "impl", "def": "function",
    "defp": "function", "defmacro": "macro", "defmacrop": "macro",
}  # fmt: skip
_UNUSUAL_VALUES = frozenset(
    {"function_definition", "struct_declaration", "enum_declaration", "union_declaration"}
)
_NAMES = frozenset({"function_name", "simple_name", "identifier", "type_identifier"})
MOST_ERRORS = 20


@dataclass(frozen=True)
class Definition:
    """A named definition. ``name`` is qualified (``Parser.feed``); offsets are in characters.

    ``start`` and ``end`` include decorators and any comments directly above. ``body`` is the start of the
    definition's body (``end`` if there is none), so ``text[head:body]`` is the signature. ``level`` is the
    number of enclosing definitions.
    """

    name: str
    kind: str
    start: int
    end: int
    head: int
    body: int
    level: int

    @property
    def last(self) -> str:
        """The unqualified name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class SyntaxProblem:
    """One syntax error. ``line`` counts from 1."""

    line: int
    message: str


@dataclass(frozen=True)
class Found:
    """A definition with its node and the outermost node that contains nothing but this definition."""

    definition: Definition
    node: Node
    first: Node


@lru_cache(maxsize=8)
def tree_of(text: str, language: Language) -> Tree:
    """Return the text's syntax tree. Recent trees are cached."""
    return parser_of(language).parse(text.encode())


@lru_cache(maxsize=16)
def definitions(text: str, language: Language) -> tuple[Definition, ...]:
    """Return all definitions in order of appearance, outer definitions first.

    Recent results are cached, because an offload's plan, prompt, checks and reply all use the same texts.
    """
    return tuple(found.definition for found in found_definitions(text, language))


@lru_cache(maxsize=8)
def found_definitions(text: str, language: Language) -> tuple[Found, ...]:
    """Return all definitions with their nodes, in the order of ``definitions``."""
    if not language.has_definitions:
        return ()
    at = offsets_of(text)
    around: list[tuple[int, tuple[str, ...]]] = []
    found: list[Found] = []
    for node in captured(tree_of(text, language).root_node, language, tuple(language.defines)):
        while around and node.start_byte >= around[-1][0]:
            around.pop()
        name = _name(node, language)
        if not name:
            continue
        outer = around[-1][1] if around else ()
        found.append(_found(node, (*outer, *name.split(".")), len(around), language, at, text))
        around.append((node.end_byte, (*outer, *name.split("."))))
    return tuple(found)


def captured(root: Node, language: Language, types: tuple[str, ...]) -> list[Node]:
    """Return all nodes of the given types in order of appearance, outer nodes first. Not recursive."""
    nodes = QueryCursor(_query(language, types)).captures(root).get("n", [])
    return sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte))


@cache
def _query(language: Language, types: tuple[str, ...]) -> Query:
    grammar = grammar_of(language)
    known = [each for each in types if grammar.id_for_node_kind(each, True) is not None]
    return Query(grammar, f"[{' '.join(f'({each})' for each in known)}] @n" if known else "(ERROR) @n")


def problems(text: str, language: Language) -> tuple[SyntaxProblem, ...]:
    """Return up to ``MOST_ERRORS`` syntax errors found by the grammar."""
    root = tree_of(text, language).root_node
    if not root.has_error:
        return ()
    data = text.encode()
    found: list[SyntaxProblem] = []
    for node in _broken(root):
        line = data.split(b"\n")[node.start_point.row].decode(errors="replace").strip()[:80]
        what = f"missing {node.type!r}" if node.is_missing else "syntax error"
        found.append(SyntaxProblem(node.start_point.row + 1, f"{what} at: {line}"))
        if len(found) == MOST_ERRORS:
            break
    return tuple(found)


def imports(text: str, language: Language) -> tuple[str, ...]:
    """Return the top-level import statements, as written."""
    root = tree_of(text, language).root_node
    return tuple(text_of(node).strip() for node in root.children if node.type in language.imports)


def loose_code(text: str, language: Language) -> tuple[str, ...]:
    """Return the lines of ``text`` outside definitions, skipping comments, blank lines and lone brackets."""
    spans = [(each.start, each.end) for each in definitions(text, language) if each.level == 0]
    data = text.encode()
    at = Offsets(text, data)
    spans += [
        (at(node.start_byte), at(node.end_byte))
        for node in parser_of(language).parse(data).root_node.children
        if node.type in _COMMENTS
    ]
    kept, done = "", 0
    for start, end in sorted(spans):
        kept += text[done : max(start, done)] + "\n"
        done = max(done, end)
    lines = (kept + text[done:]).split("\n")
    return tuple(line.strip() for line in lines if line.strip().strip("{}();,"))


def _found(  # noqa: PLR0917 - the state of one walk
    node: Node, names: tuple[str, ...], level: int, language: Language, at: "Offsets", text: str
) -> Found:
    first = _first_node(node)
    last = first if first.end_byte >= node.end_byte else node
    behind = last.next_sibling
    if behind is not None and behind.type == "function_body" and node.type.endswith("_signature"):
        last = behind  # Dart's grammar makes the body a sibling of the signature
    body = node.child_by_field_name("body") or _value_body(node) or (behind if last is behind else None)
    start, end = _whole_lines(text, at(_with_comments(first).start_byte), at(last.end_byte))
    definition = Definition(
        name=".".join(names),
        kind=_kind(node, language),
        start=start,
        end=end,
        head=at(node.start_byte),
        body=at(body.start_byte) if body else at(node.end_byte),
        level=level,
    )
    return Found(definition, node, first)


def _kind(node: Node, language: Language) -> str:
    if node.type == "call":
        return _ELIXIR.get(text_of(node.child_by_field_name("target")), "function")
    return language.defines[node.type]


def _name(node: Node, language: Language) -> str | None:  # noqa: PLR0911 - one for each kind of node
    """Return the name that a node defines, or None if it defines nothing."""
    if node.type not in language.defines:
        return None
    if node.type in ("variable_declarator", "field_definition", "public_field_definition"):
        value = node.child_by_field_name("value")
        if value is None or value.type not in _VALUES_THAT_DEFINE:
            return None
        named = node.child_by_field_name("name") or node.child_by_field_name("property")
        return text_of(named) if named else None
    if node.type in ("struct_specifier", "enum_specifier", "union_specifier", "class_specifier"):
        named = node.child_by_field_name("name")
        return text_of(named) if named and node.child_by_field_name("body") else None
    if node.type in ("call", "assignment_statement", "companion_object") or (
        node.type == "variable_declaration" and "zig" in language.fence
    ):
        return _unusual_name(node)
    if node.type == "impl_item":
        named = node.child_by_field_name("type")
        return text_of(named).partition("<")[0] if named else None
    if node.type == "method_declaration" and (receiver := node.child_by_field_name("receiver")):
        return f"{_receiver(receiver)}.{text_of(node.child_by_field_name('name'))}"
    return _declared(node)


def _unusual_name(node: Node) -> str | None:
    """Return the name defined by a call or an assignment."""
    if node.type == "companion_object":
        return text_of(node.child_by_field_name("name")) or "Companion"
    if node.type == "call":
        arguments = next((child for child in node.children if child.type == "arguments"), None)
        if text_of(node.child_by_field_name("target")) not in _ELIXIR or arguments is None:
            return None
        named = first_named(arguments)
        while named is not None and named.type not in ("identifier", "alias"):
            named = first_named(named)
        return text_of(named) or None
    children = node.named_children
    value = children[-1] if children else None
    if value is not None and value.type == "expression_list":
        value = first_named(value)
    if value is None or value.type not in _UNUSUAL_VALUES:
        return None
    return text_of(first_named(node)) or None


def _declared(node: Node) -> str | None:
    """Follow C and C++ declarators down to the name."""
    named = node.child_by_field_name("name")
    if named is None and node.child_by_field_name("declarator") is None:
        if node.type == "init_declaration":
            return "init"
        named = next((child for child in node.named_children if child.type in _NAMES), None)
    if named is not None:
        return text_of(named).replace("::", ".").replace(":", ".")
    inner = node.child_by_field_name("declarator")
    while inner is not None:
        if inner.type in ("identifier", "field_identifier", "qualified_identifier", "destructor_name",
                          "operator_name", "type_identifier"):  # fmt: skip
            return text_of(inner).replace("::", ".")
        inner = inner.child_by_field_name("declarator") or next(
            (
                child
                for child in inner.named_children
                if "declarator" in child.type or "identifier" in child.type
            ),
            None,
        )
    return None


def _receiver(node: Node) -> str:
    """Return the type of a Go method's receiver, without the pointer and type parameters."""
    pending = [node]
    while pending:
        current = pending.pop(0)
        if current.type == "type_identifier":
            return text_of(current)
        pending.extend(current.named_children)
    return ""


def _value_body(node: Node) -> Node | None:
    value = node.child_by_field_name("value")
    return value.child_by_field_name("body") if value else None


def _first_node(node: Node) -> Node:
    """Return the outermost node that contains nothing but this definition, including decorators, ``export``,
    ``const``.
    """
    while (parent := node.parent) is not None:
        alone = parent.type in _TRANSPARENT and len(parent.named_children) == 1
        if parent.type not in _WRAPPERS and not alone:
            break
        node = parent
    return node


def _with_comments(node: Node) -> Node:
    """Return the first of the comments and attributes directly above, with no empty line in between."""
    while (before := _node_before(node)) is not None:
        ends = before.end_point.row + (0 if before.end_point.column == 0 and before.type in _COMMENTS else 1)
        if before.type not in _COMMENTS | _ATTRIBUTES or ends < node.start_point.row:
            break
        if text_of(before).startswith("#!"):
            break
        above = before.prev_sibling
        if above is not None and above.end_point.row == before.start_point.row and above.end_point.column:
            break  # it belongs to the code on its own line
        node = before
    return node


def _node_before(node: Node) -> Node | None:
    """Return the preceding node. Python's grammar puts the first comment in a block before the block."""
    if node.prev_sibling is None and node.parent is not None and node.parent.type == "block":
        return node.parent.prev_sibling
    return node.prev_sibling


def _whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a span to cover the indentation before it and a closing mark or spaces after it."""
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip(" \t"):
        start = line
        stop = text.find("\n", end)
        stop = len(text) if stop < 0 else stop
        if not text[end:stop].strip(" \t;,"):
            end = stop
    while end > start and text[end - 1] == "\n":
        end -= 1
    return start, end


def _broken(node: Node) -> Iterator[Node]:
    """Yield each error node once, in order."""
    pending = [node]
    while pending:
        current = pending.pop()
        if current.is_error or current.is_missing:
            yield current
        elif current.has_error:
            pending.extend(reversed(current.children))


def first_named(node: Node) -> Node | None:
    """Return the first named child, or None if there is none."""
    return node.named_child(0) if node.named_child_count else None


def text_of(node: Node | None) -> str:
    return (node.text or b"").decode(errors="replace") if node is not None else ""


@lru_cache(maxsize=8)
def offsets_of(text: str) -> "Offsets":
    """Return a converter from byte offsets to character offsets for the text."""
    return Offsets(text, text.encode())


class Offsets:
    """Converts UTF-8 byte offsets to character offsets."""

    def __init__(self, text: str, data: bytes) -> None:
        self._lines: list[tuple[int, int]] | None = None
        if len(text) != len(data):
            self._data = data
            self._lines = [(0, 0)]
            position = count = 0
            for line in data.split(b"\n"):
                position += len(line) + 1
                count += len(line.decode()) + 1
                self._lines.append((position, count))

    def __call__(self, offset: int) -> int:
        if self._lines is None:
            return offset
        index = bisect.bisect_right(self._lines, (offset, sys.maxsize)) - 1
        position, count = self._lines[index]
        return count + len(self._data[position:offset].decode())
