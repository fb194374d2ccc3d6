"""Definitions with parsed heads: attributes, modifiers, parameters, bases, comments."""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tree_sitter import Node

from server.offload.code.languages import Language
from server.offload.code.syntax import (
    Found,
    captured,
    first_named,
    found_definitions,
    offsets_of,
    text_of,
    tree_of,
)

_ATTRIBUTES = frozenset(
    {"decorator", "annotation", "marker_annotation", "attribute_list", "attribute_item", "attribute",
     "inner_attribute_item"}
)  # fmt: skip
_COMMENTS = frozenset(
    {"comment", "line_comment", "block_comment", "multiline_comment", "documentation_comment"}
)
_PARAMETERS = frozenset(
    {"parameters", "formal_parameters", "parameter_list", "function_value_parameters",
     "formal_parameter_list", "method_parameters", "class_parameters", "class_method_parameter_list"}
)  # fmt: skip
_BASES = frozenset(
    {"class_heritage", "superclass", "super_interfaces", "extends_interfaces", "base_list",
     "base_class_clause", "delegation_specifiers", "inheritance_specifier", "extends_clause", "base_clause",
     "class_interface_clause", "interfaces", "mixins"}
)  # fmt: skip
_BODIES = frozenset(
    {"block", "do_block", "compound_statement", "declaration_list", "field_declaration_list", "script_block",
     "statement_block"}
)  # fmt: skip
LONGEST_OWNED = 40
"""Maximum length, in characters, of a qualified name shown in full. Longer names are shown unqualified."""
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_CONDITIONS = re.compile(r"^(?:if|elif|else|try|except|case|match|switch|#|preproc)|_clause$|preproc")


@dataclass(frozen=True)
class Parameter:
    """One parameter. ``type`` and ``default`` are empty if the parameter has none."""

    name: str
    type: str
    default: str


@dataclass(frozen=True, eq=False)
class Unit:
    """One definition. ``start`` and ``end`` are character offsets; ``line`` counts from 1.

    The parts of the head are parsed on first use: most of a file's definitions do not change in an edit, so
    theirs are never needed.
    """

    name: str
    kind: str
    start: int
    end: int
    line: int
    level: int
    text: str
    head_start: int
    body_start: int
    found: Found

    @cached_property
    def last(self) -> str:
        """The unqualified name."""
        return self.name.rpartition(".")[2]

    @cached_property
    def outer(self) -> str:
        """The qualified name of the enclosing definition; empty at the top level."""
        return self.name.rpartition(".")[0]

    @property
    def head(self) -> str:
        """The text before the body, including decorators."""
        at = self.body_start - self.start
        return self.text[self.head_start - self.start : at]

    @property
    def body(self) -> str:
        """The text of the body."""
        return self.text[self.body_start - self.start :]

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The decorators, annotations or attributes."""
        return tuple(_plain(text_of(each)) for each in self._heads if each.type in _ATTRIBUTES)

    @cached_property
    def modifiers(self) -> frozenset[str]:
        """The keywords before the name."""
        return frozenset(text_of(each) for each in self._heads if each.type not in _ATTRIBUTES)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in order."""
        return tuple(each for node in _parameter_list(self.found.node) for each in _parameters(node))

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """The names of the base classes and interfaces."""
        return tuple(_bases(self.found.node))

    @cached_property
    def comment(self) -> str:
        """The text of the comments directly above."""
        return "\n".join(_comments_above(self.found.first))

    @cached_property
    def docstring(self) -> str:
        """The text of a Python docstring."""
        return _docstring(_body(self.found.node))

    @cached_property
    def scope(self) -> int:
        """A number that identifies the conditional branch; 0 outside conditionals."""
        return _scope(self.found.first)

    @cached_property
    def block(self) -> int:
        """A number that identifies the block within its text."""
        parent = self.found.first.parent
        return parent.start_byte if parent is not None else 0

    @property
    def signature(self) -> tuple[str, ...]:
        """The parameter types, or the name of any parameter without a type."""
        return tuple(each.type or each.name for each in self.parameters)

    @cached_property
    def _heads(self) -> list[Node]:
        return list(_head_nodes(self.found, _body(self.found.node)))


@lru_cache(maxsize=8)
def units_of(text: str, language: Language) -> tuple[Unit, ...]:
    """Return all definitions in the text, in the order of ``syntax.definitions``."""
    starts = line_starts(text)
    traits: dict[str, str] = {}
    return tuple(_unit(found, text, starts, traits) for found in found_definitions(text, language))


@lru_cache(maxsize=8)
def attribute_lines(text: str, language: Language) -> frozenset[int]:
    """Return the lines, from 1, that contain only decorators, annotations or attributes."""
    lines = text.split("\n")
    found: set[int] = set()
    for node in captured(tree_of(text, language).root_node, language, tuple(sorted(_ATTRIBUTES))):
        first, last = node.start_point.row, node.end_point.row
        ends = offsets_of(text)(node.end_byte)
        rest = text[ends : text.find("\n", ends) if "\n" in text[ends:] else None]
        if lines[first].lstrip().startswith(text_of(node)[:1]) and not rest.strip(" \t,];"):
            found.update(range(first + 1, last + 2))
    return frozenset(found)


def label(unit: Unit) -> str:
    """Return a definition's name for a reply, with its parameters if it has any."""
    name = unit.name if len(unit.name) <= LONGEST_OWNED else unit.last
    if not unit.parameters:
        return name
    return f"{name}({', '.join(each.type or each.name for each in unit.parameters)})"


def _unit(found: Found, text: str, starts: list[int], traits: dict[str, str]) -> Unit:
    definition, node = found.definition, found.node
    name = definition.name
    if definition.kind == "impl" and (trait := node.child_by_field_name("trait")) is not None:
        name = f"{name} as {text_of(trait)}"
        traits[definition.name] = name
    else:
        outer = name.rpartition(".")[0]
        if definition.kind == "impl":
            traits.pop(name, None)
        elif outer in traits:
            name = f"{traits[outer]}.{definition.last}"
    return Unit(
        name=name,
        kind=definition.kind,
        start=definition.start,
        end=definition.end,
        line=line_of(starts, definition.head),
        level=definition.level,
        text=text[definition.start : definition.end],
        head_start=offsets_of(text)(found.first.start_byte),
        body_start=definition.body,
        found=found,
    )


def _body(node: Node) -> Node | None:
    value = node.child_by_field_name("value")
    for holder in (node, value) if value is not None else (node,):
        if (body := holder.child_by_field_name("body")) is not None:
            return body
        for child in holder.children:
            if child.type in _BODIES or child.type.endswith("_body"):
                return child
    return None


def _head_nodes(found: Found, body: Node | None) -> Iterator[Node]:
    """Yield the attributes, and the keywords before the name that are not part of a type."""
    sibling = found.first.prev_sibling
    above: list[Node] = []
    while sibling is not None and (sibling.type in _ATTRIBUTES or sibling.type in _COMMENTS):
        if sibling.type in _ATTRIBUTES:
            above.append(sibling)
        sibling = sibling.prev_sibling
    yield from reversed(above)
    end = body.start_byte if body is not None else found.node.end_byte
    pending = [found.first]
    while pending:
        node = pending.pop()
        if node.start_byte >= end or node.type in _PARAMETERS or node.type in _COMMENTS:
            continue
        if node.type in _ATTRIBUTES:
            yield node
        elif node.child_count:
            if node is found.first or not node.type.endswith(
                ("_type", "type_annotation", "type_list", "value")
            ):
                pending.extend(reversed(node.children))
        elif not node.is_named and _IDENTIFIER.fullmatch(text_of(node)):
            yield node


def _parameter_list(node: Node) -> list[Node]:
    """Return the nodes that contain the parameters."""
    value = node.child_by_field_name("value")
    for holder in (node, value) if value is not None else (node,):
        named = holder.child_by_field_name("parameters") or holder.child_by_field_name("class_parameters")
        if named is not None:
            return [named]
        if found := [child for child in holder.children if child.type in _PARAMETERS]:
            return found[:1]
    inner = node.child_by_field_name("declarator")
    while inner is not None:
        if (named := inner.child_by_field_name("parameters")) is not None:
            return [named]
        inner = inner.child_by_field_name("declarator")
    return [child for child in node.children if child.type == "parameter"]  # Swift's grammar has no list node


def _parameters(node: Node) -> Iterator[Parameter]:
    if node.type == "parameter":
        behind = node.next_sibling
        default = ""
        if behind is not None and behind.type == "=" and behind.next_sibling is not None:
            default = _plain(text_of(behind.next_sibling))
        yield _parameter(text_of(node), default)
        return
    for child in node.named_children:
        if child.type in _COMMENTS:
            continue
        names = child.children_by_field_name("name")
        plain = not child.child_by_field_name("value") and not child.child_by_field_name("default_value")
        if names and plain and (kind := child.child_by_field_name("type")) is not None:
            yield from (Parameter(text_of(each), _plain(text_of(kind)), "") for each in names)
        else:
            yield _parameter(text_of(child), "")


def _parameter(text: str, default: str) -> Parameter:
    left, found, right = _split(_plain(text), "=")
    default = right if found else default
    name, found, kind = _split(left, ":")
    if found and not name.startswith(("'", '"')):
        words = name.split()
        return Parameter(words[-1] if words else name, kind, default)
    words = left.replace("*", " * ").replace("&", " & ").split()
    if len(words) > 1:
        return Parameter(words[-1], " ".join(words[:-1]), default)
    return Parameter(left, "", default)


def _split(text: str, mark: str) -> tuple[str, bool, str]:
    """Split at the first ``mark`` that is outside brackets and not part of a longer operator."""
    depth = 0
    for index, sign in enumerate(text):
        if sign in "([{<":
            depth += 1
        elif sign in ")]}>":
            depth -= 1
        elif (
            sign == mark and depth <= 0 and mark not in (text[index - 1 : index], text[index + 1 : index + 2])
        ):
            return text[:index].strip(), True, text[index + 1 :].strip()
    return text.strip(), False, ""


def _bases(node: Node) -> Iterator[str]:
    holders = [child for child in node.children if child.type in _BASES]
    if (superclasses := node.child_by_field_name("superclasses")) is not None:
        holders.append(superclasses)
    for holder in holders:
        yield from _IDENTIFIER.findall(text_of(holder))


def _comments_above(node: Node) -> list[str]:
    found: list[str] = []
    row = node.start_point.row
    sibling = node.prev_sibling
    if sibling is None and node.parent is not None and node.parent.type == "block":
        sibling = node.parent.prev_sibling
    while sibling is not None and (sibling.type in _COMMENTS or sibling.type in _ATTRIBUTES):
        ends = sibling.end_point.row + (0 if sibling.end_point.column == 0 else 1)
        if ends < row or text_of(sibling).startswith("#!"):
            break
        if sibling.type in _COMMENTS:
            above = sibling.prev_sibling
            if (
                above is not None
                and above.end_point.row == sibling.start_point.row
                and above.end_point.column
            ):
                break
            found.insert(0, text_of(sibling).strip())
        row = sibling.start_point.row
        sibling = sibling.prev_sibling
    return found


def _docstring(body: Node | None) -> str:
    first = first_named(body) if body is not None and body.type == "block" else None
    while first is not None and first.type == "comment":
        first = first.next_named_sibling
    if first is None or first.type not in ("expression_statement", "string"):
        return ""
    text = first if first.type == "string" else first_named(first)
    return text_of(text) if text is not None and text.type == "string" else ""


def _scope(node: Node) -> int:
    """Return a number that identifies a conditional branch by its byte offset; 0 outside conditionals."""
    parent = node.parent
    while parent is not None:
        if parent.type in ("block", "compound_statement", "statement_block") and parent.parent is not None:
            if _CONDITIONS.search(parent.parent.type):
                return parent.start_byte + 1
            return 0
        if _CONDITIONS.search(parent.type):
            return parent.start_byte + 1
        parent = parent.parent
    return 0


def _plain(text: str) -> str:
    return " ".join(text.split())


def line_starts(text: str) -> list[int]:
    """Return the offset at which each line starts."""
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def line_of(starts: list[int], offset: int) -> int:
    """Return the line, from 1, that contains an offset."""
    return bisect.bisect_right(starts, offset)
