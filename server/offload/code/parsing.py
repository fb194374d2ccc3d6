"""Whether a text parses in its language: the precise first error, in words that a model can act on."""

import json
import tomllib
import warnings
from collections.abc import Callable
from pathlib import PurePath

import yaml

from server.offload.code.languages import Language
from server.offload.code.python_tree import parse_python
from server.offload.code.syntax import problems

_COMMENTED_JSON = frozenset({".jsonc", ".json5", ".code-workspace"})
_COMMENTED_NAMES = ("tsconfig", "jsconfig", "settings.json", "launch.json", "devcontainer.json", ".eslintrc")

Parse = Callable[[str], str]
"""Returns the first error of a text, empty if it parses."""


def syntax_error(text: str, file_name: str, language: Language | None) -> str | None:
    """Return the first syntax error, empty if there is none, None where the language is not known."""
    parse = _parser(file_name, language)
    return None if parse is None else parse(text)


def new_syntax_error(before: str, after: str, file_name: str, language: Language | None) -> str | None:
    """As ``syntax_error`` for ``after``, but a file that was broken before may be as broken as it was."""
    error = syntax_error(after, file_name, language)
    if not error or not before.strip() or not syntax_error(before, file_name, language):
        return error
    if language is not None and len(problems(after, language)) > len(problems(before, language)):
        return error
    return ""


def _parser(file_name: str, language: Language | None) -> Parse | None:
    ending = PurePath(file_name).suffix.lower()
    if ending in (".yaml", ".yml"):
        return _yaml
    if ending == ".toml":
        return _toml
    if language is None:
        return None
    if language.name == "Python":
        return _python
    if language.name == "JSON" and not _may_have_comments(file_name):
        return _json
    return lambda text: _grammar(text, language)


def _python(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse_python(text)
    except SyntaxError as error:
        lines = text.split("\n")
        number = error.lineno or 1
        line = lines[number - 1].strip()[:80] if 0 < number <= len(lines) else ""
        return f"Line {number}: {error.msg}: {line}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"Not Python: {error}"
    return ""


def _json(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: {error.msg}."
    except RecursionError:
        return "It is nested too deeply."
    return ""


def _toml(text: str) -> str:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return f"Not TOML: {error}."
    return ""


def _yaml(text: str) -> str:
    try:
        for _ in yaml.parse(text, yaml.SafeLoader):
            pass
    except (yaml.YAMLError, RecursionError) as error:
        return f"Not YAML: {' '.join(str(error).split())[:200]}."
    return ""


def _grammar(text: str, language: Language) -> str:
    found = problems(text, language)
    return f"Line {found[0].line}: {found[0].message}" if found else ""


def _may_have_comments(file_name: str) -> bool:
    path = PurePath(file_name)
    return path.suffix.lower() in _COMMENTED_JSON or path.name.lower().startswith(_COMMENTED_NAMES)
