"""Decides which results pass through unchanged, and why.

A digest replaces text that Claude reads for facts: logs, test runs, builds, data. It never replaces text that
Claude may edit or only asked for part of.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server.common.errors import NotFound
from server.common.git import ask_git
from server.tool_results.result import ToolResult
from server.tool_results.shell import Words, commands_of, kind_of, without_wrappers

OWN_TOOL = re.compile(r"mcp__(?:.*_)?token-saver__.*")
_OWN_PROGRAMS = frozenset({"token-saver", "token-saver-mcp"})
_NARROW = frozenset(
    {
        "grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack", "head", "tail", "sed", "awk", "gawk", "cut",
        "sort", "uniq", "wc", "jq", "yq", "xmllint", "diff", "cmp", "comm", "find", "fd", "fdfind", "ls",
        "tree", "locate", "stat", "xargs", "column", "strings", "xxd", "hexdump", "od", "Select-String",
        "findstr",
    }
)  # fmt: skip
"""Programs whose output is already a view chosen by Claude: a search, a listing, an excerpt, a comparison."""
_PRINTERS = frozenset({"cat", "bat", "batcat", "nl", "tac", "more", "less", "type", "Get-Content", "zcat"})
_GIT_SOURCE = frozenset({"diff", "show", "blame", "annotate", "cat-file", "grep", "format-patch", "difftool"})
_GIT_VALUES = frozenset({"-C", "-c", "--git-dir", "--work-tree", "--namespace"})
"""Git options whose value is the next word."""
_PATCH = frozenset({"-p", "-u", "--patch", "-L"})
_LOG = re.compile(r".*\.(?:log|out|err|jsonl|ndjson|trace)(?:\.\d+)?", re.IGNORECASE)
_DATA = re.compile(r".*\.(?:json|csv|tsv|xml|har|txt|geojson)", re.IGNORECASE)
GIT_SECONDS = 0.5
"""Timeout for a git query (seconds). Queries take about 0.005 s."""


@dataclass(frozen=True)
class Form:
    """How a result is classified, regardless of size: the kind that the user can switch, and the reason for
    passing it through unchanged (empty if it may be digested). ``command`` is the command that printed it,
    ``name`` the file.
    """

    kind: str
    reason: str = ""
    command: str = ""
    name: str = ""


def form_of(result: ToolResult) -> Form:
    """Return a result's form. Asks git about files; blocks for a few milliseconds."""
    if result.tool.startswith("mcp__"):
        own = OWN_TOOL.fullmatch(result.tool) is not None
        return Form(result.tool, "a result of this app" if own else "")
    if result.tool == "Bash":
        return _form_of_command(result)
    if result.tool == "Read" and result.path is not None:
        named = result.arguments.get("offset") or result.arguments.get("limit")
        reason = "a part that Claude named" if named else reason_of_file(result.path, result.project)
        return Form(f"Read {result.path.suffix or result.path.name}", reason, name=str(result.path))
    return Form(result.tool)


def reason_of_file(path: Path, project: Path) -> str:
    """Return the reason why a file's text passes through unchanged; empty if it may be digested."""
    if _LOG.fullmatch(path.name):
        return _reason_if_tracked(path)
    if path.parent.name == "tool-results":
        return ""
    if not _DATA.fullmatch(path.name):
        return "a file that Claude may edit"
    if path.resolve().is_relative_to(project.resolve()) and _git(path, "check-ignore", "-q") != 0:
        return "a file of the project that Claude may edit"
    return _reason_if_tracked(path)


def _reason_if_tracked(path: Path) -> str:
    status = _git(path, "ls-files", "--error-unmatch")
    in_repository = (
        any((folder / ".git").exists() for folder in path.parents) if status is None else status == 0
    )
    return "a file under version control" if in_repository else ""


def _form_of_command(result: ToolResult) -> Form:
    commands = commands_of(result.command)
    if commands is None:
        return Form("shell", "a command that cannot be parsed")
    kind = kind_of(commands)
    for words in map(without_wrappers, commands):
        if reason := _reason_of_command(words, result):
            return Form(kind, reason)
    return Form(kind, command=result.command)


def _reason_of_command(words: Words, result: ToolResult) -> str:
    program = words[0] if words else ""
    if program in _OWN_PROGRAMS or any("kept:" in word for word in words):
        return "a result of this app"
    if program in _NARROW:
        return "a view that Claude chose"
    if program == "git":
        named = _git_command(words)
        if named in _GIT_SOURCE or (named in ("log", "stash") and not _PATCH.isdisjoint(words)):
            return "source text"
    if program in _PRINTERS:
        for word in words[1:]:
            if not word.startswith("-") and (reason := reason_of_file(result.folder / word, result.project)):
                return reason
    return ""


def _git_command(words: Words) -> str:
    """Return the git subcommand in a call such as ``git -C folder log``; empty if there is none."""
    rest = iter(words[1:])
    for word in rest:
        if word in _GIT_VALUES:
            next(rest, "")
        elif not word.startswith("-"):
            return word
    return ""


def _git(path: Path, *question: str) -> int | None:
    """Return a git query's exit status for a file: 128 outside a repository, None if git does not answer."""
    try:
        done = ask_git(path.parent, *question, "--", path.name, seconds=GIT_SECONDS)
    except (NotFound, OSError, subprocess.SubprocessError):
        return None
    return done.returncode
