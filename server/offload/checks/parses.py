"""Syntax check for a result: the first error with its line, or the reason why it cannot be checked."""

import json
import re
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import yaml

from server.offload.code.languages import Language, named_language
from server.offload.code.python_tree import parse_python
from server.offload.code.syntax import captured, problems, text_of, tree_of
from server.offload.compare.compare import DATA, XML
from server.offload.compare.markup import xml_elements
from server.offload.compare.trees import parse_tree, without_json_comments
from server.offload.compare.usage import balance

_COMMENTED_NAMES = ("tsconfig", "jsconfig", "settings.json", "launch.json", "devcontainer.json", ".eslintrc",
                    "tasks.json", "extensions.json", "keybindings.json")  # fmt: skip
_TEMPLATE = re.compile(r"\{\{|\{%|<%|\$\{\{")
_TARGET = re.compile(r"^[^\s#:=][^:=#]*:(?!=)")
_NEWER = ("type_alias_statement", "type_parameter")


@dataclass(frozen=True)
class Parsed:
    """The result of parsing. ``error`` is empty if the text parses. ``checked`` is False if no parser can
    judge the text.
    """

    error: str = ""
    checked: bool = True


NOT_CHECKED = Parsed(checked=False)


def parse_result(before: str, after: str, file_name: str, language: Language | None) -> Parsed:
    """Return whether ``after`` parses.

    If ``before`` does not parse either, the parser is wrong for this file. ``before`` is empty for a new
    file.
    """
    name = PurePath(file_name).name.lower()
    kind = DATA.get(PurePath(name).suffix)
    if kind is not None:
        return _data(before, after, kind, name)
    if PurePath(name).suffix in XML:
        return _plain(before, after, _xml)
    if name.startswith(("makefile", "gnumakefile")) or name.endswith(".mk"):
        return _plain(before, after, _makefile)
    if language is None or language.name == "HTML":
        return NOT_CHECKED
    if language.name == "Python":
        return _python(before, after, language)
    return _grammar(before, after, language)


def _data(before: str, after: str, kind: str, name: str) -> Parsed:
    if kind == "json":
        commented = name.startswith(_COMMENTED_NAMES) or (before.strip() and _json(before))
        parse = _jsonc if commented else _json
    else:
        parse = {"jsonc": _jsonc, "yaml": _yaml, "toml": _toml}[kind]
    return _plain(before, after, parse)


def _plain(before: str, after: str, parse: Callable[[str], str]) -> Parsed:
    error = parse(after)
    if error and (_TEMPLATE.search(after) or (before.strip() and parse(before))):
        return NOT_CHECKED
    return Parsed(error)


def _json(text: str) -> str:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: {error.msg}."
    except RecursionError:
        return ""
    return ""


def _jsonc(text: str) -> str:
    return _json(without_json_comments(text))


def _toml(text: str) -> str:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"Not TOML: {error}."
    except RecursionError:
        return ""
    return ""


def _yaml(text: str) -> str:
    if parse_tree(text, "yaml") is not None:
        return ""
    try:
        for _ in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.YAMLError as error:
        return f"Not YAML: {' '.join(str(error).split())[:200]}."
    except RecursionError:
        return ""
    return ""


def _xml(text: str) -> str:
    found = xml_elements(text)
    return found if isinstance(found, str) else ""


def _makefile(text: str) -> str:
    in_rule = False
    continued = False
    for number, line in enumerate(text.split("\n"), start=1):
        if (
            in_rule
            and not continued
            and line.startswith("  ")
            and line.strip()
            and not line.strip().startswith("#")
        ):
            return f"Line {number}: a recipe begins with a tab, not with spaces: {line.strip()[:60]}"
        continued = line.endswith("\\")
        if line.startswith("\t") or not line.strip():
            continue
        in_rule = _TARGET.match(line) is not None
    return ""


def _python(before: str, after: str, language: Language) -> Parsed:
    error = python_error(after)
    if not error:
        return Parsed()
    if before.strip() and python_error(before):
        return _known_to_fail(before, after, language)
    if not problems(after, language) and _is_newer(after, language):
        return NOT_CHECKED
    return Parsed(error)


def python_error(text: str) -> str:
    """Return the first syntax error in Python code, or an empty string if it parses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse_python(text)
    except SyntaxError as error:
        lines = text.split("\n")
        number = error.lineno or 1
        line = lines[number - 1].strip()[:80] if 0 < number <= len(lines) else ""
        return f"Line {number}: {error.msg}: {line}"
    except (RecursionError, MemoryError):
        return ""  # nested too deeply for this parser; the text can be correct
    except ValueError as error:
        return f"Not Python: {error}"
    return ""


def _is_newer(text: str, language: Language) -> bool:
    """Return whether code uses syntax newer than this interpreter."""
    root = tree_of(text, language).root_node
    if captured(root, language, _NEWER):
        return True
    for node in captured(root, language, ("interpolation",)):
        literal = node.parent
        inside = text_of(node)
        quote = text_of(literal)[-1:] if literal is not None else ""
        if (quote and quote in inside) or "\\" in inside or "\n" in inside:
            return True
    return any("," in text_of(node).split(":")[0] for node in captured(root, language, ("except_clause",)))


def _grammar(before: str, after: str, language: Language) -> Parsed:
    found = problems(after, language)
    if not found:
        return Parsed()
    if language.lags or (before.strip() and problems(before, language)) or _is_template(language, after):
        return _known_to_fail(before, after, language)
    if language.name == "C" and (other := named_language("cpp")) is not None and not problems(after, other):
        return Parsed()
    return Parsed(f"Line {found[0].line}: {found[0].message}")


def _is_template(language: Language, text: str) -> bool:
    return language.name in ("CSS", "JavaScript", "Bash") and re.search(r"\{\{|\{%", text) is not None


def _known_to_fail(before: str, after: str, language: Language) -> Parsed:
    """Check only the brackets in the text, because its grammar also rejects valid code."""
    now = balance(after, language)
    if now != (0, 0, 0) and (not before.strip() or balance(before, language) == (0, 0, 0)):
        pairs = dict(zip(("()", "[]", "{}"), now, strict=True))
        wrong = next(pair for pair, count in pairs.items() if count)
        side = wrong[0] if pairs[wrong] > 0 else wrong[1]
        return Parsed(f"A bracket {side} has no counterpart ({abs(pairs[wrong])} too many).")
    return NOT_CHECKED
