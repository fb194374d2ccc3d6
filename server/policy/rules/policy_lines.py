"""Finds nodes in the text of a YAML policy file, and inserts lines into it."""

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode


def value_of(node: Node | None, key: str) -> Node | None:
    """Return the value of a key; None if the node is not a mapping with this key."""
    pairs = node.value if isinstance(node, MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def end_of(node: Node) -> int:
    """Return the number of the line after the node's last line. Marks end after comments and blank lines."""
    if isinstance(node, MappingNode | SequenceNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return end_of(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line) + (1 if mark.column else 0)


def with_lines(lines: list[str], at: int, indent: int, new: list[str]) -> str:
    """Return the text with new lines at a line number, with the line endings of the first line."""
    newline = split_ending(lines[0])[1] or "\n"
    if at == len(lines) and not split_ending(lines[-1])[1]:
        lines[-1] += newline
    added = [f"{' ' * indent}{line}{newline}" for line in new]
    return "".join([*lines[:at], *added, *lines[at:]])


def split_ending(line: str) -> tuple[str, str]:
    """Return a line without its line ending, and the ending."""
    content = line.splitlines()[0] if line else ""
    return content, line[len(content) :]


def quoted(text: str) -> str:
    """Return a text as a YAML scalar in double quotes."""
    dumped: str = yaml.safe_dump(text.strip(), default_style='"', width=10**6, allow_unicode=True)
    return dumped.strip()
