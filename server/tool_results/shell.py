"""The commands in a shell line: their words, and the kind by which digests are switched on or off.

The line is parsed with tree-sitter's Bash grammar. Nothing is expanded or run.
"""

import re
from collections.abc import Iterator
from functools import cache

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

Words = tuple[str, ...]

_PREPARATIONS = frozenset(
    {
        "cd", "export", "set", "source", ".", "pushd", "popd", "true", "mkdir", "sleep", "echo",
    }
)  # fmt: skip
"""Commands that come before or after the one whose output matters."""
_WRAPPERS = frozenset({"time", "nice", "env", "command", "timeout", "sudo", "stdbuf", "unbuffer", "nohup"})
_RUNNERS = frozenset(
    {
        ("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("hatch", "run"), ("bundle", "exec"),
        ("pnpm", "exec"), ("yarn", "exec"), ("npm", "exec"), ("npx",), ("pnpx",), ("bunx",), ("uvx",),
    }
)  # fmt: skip
_SUBCOMMANDS = frozenset(
    {
        "git", "gh", "npm", "pnpm", "yarn", "bun", "deno", "cargo", "go", "docker", "podman", "kubectl",
        "helm", "uv", "pip", "pip3", "poetry", "dotnet", "terraform", "make", "just", "task", "mvn", "mvnw",
        "gradle", "gradlew", "bundle", "rails", "rake", "composer", "artisan", "systemctl", "aws", "gcloud",
        "az", "apt", "apt-get", "brew", "conda", "mix", "swift", "flutter", "dart", "nx", "turbo", "bazel",
    }
)  # fmt: skip
"""Programs whose first argument is a subcommand."""
_WORD = re.compile(r"[a-z][a-z0-9:_-]*")
_SKIPPED = re.compile(r"-.*|\d[\d.]*[smhd]?|\w+=.*")


def commands_of(line: str) -> list[Words] | None:
    """Return the words of every simple command in a line, even nested ones; None if it does not parse.

    Quotes around a word are removed. Redirections and assignments are left out.
    """
    root = _parser().parse(line.encode("utf-8", "replace")).root_node
    if root.has_error:
        return None
    return [words for node in _simple_commands(root) if (words := _words(node))]


def without_wrappers(words: Words) -> Words:
    """Return a command without wrappers that just run another, such as ``timeout 60`` and ``uv run``."""
    while words:
        if words[0] in _WRAPPERS:
            words = _after_options(words[1:])
        elif words[:2] in _RUNNERS:
            words = _after_options(words[2:])
        elif words[:1] in _RUNNERS:
            words = _after_options(words[1:])
        else:
            return (words[0].rpartition("/")[2], *words[1:])
    return ()


def kind_of(commands: list[Words]) -> str:
    """Return a line's kind, named after its last command that prints: ``pytest`` or ``npm run build``."""
    bare = [words for each in commands if (words := without_wrappers(each)) and words[0] not in _PREPARATIONS]
    if not bare:
        return "shell"
    words = bare[-1]
    program = words[0]
    if program.startswith("python") and len(words) > 2 and words[1] == "-m":
        return f"python -m {words[2]}"
    if program not in _SUBCOMMANDS:
        return program[:60]
    rest = [word for word in words[1:] if not word.startswith("-")]
    named = rest[: 2 if rest[:1] in (["run"], ["test"]) else 1]
    return " ".join([program, *(word for word in named if _WORD.fullmatch(word))])[:60]


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bash.language()))


def _simple_commands(node: Node) -> Iterator[Node]:
    if node.type == "command":
        yield node
    for child in node.named_children:
        yield from _simple_commands(child)


def _words(node: Node) -> Words:
    parts = [child for child in node.named_children if not _is_beside(child)]
    return tuple(_bare(part.text.decode("utf-8", "replace")) for part in parts if part.text)


def _is_beside(node: Node) -> bool:
    return node.type == "variable_assignment" or "redirect" in node.type


def _bare(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _after_options(words: Words) -> Words:
    while words and _SKIPPED.fullmatch(words[0]):
        words = words[1:]
    return words
