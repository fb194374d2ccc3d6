"""Checks that no other file in the project uses a definition that an edit removes or renames."""

from dataclasses import replace
from pathlib import Path

from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.code.languages import LANGUAGES, Language, language_of
from server.offload.code.syntax import captured, definitions, imports, text_of, tree_of
from server.offload.compare.code import lost_names
from server.offload.compare.usage import bare_uses, code_of
from server.offload.files.project_texts import texts_with
from server.offload.files.workspace import Workspace
from server.offload.values import Check, Verdict

_SCRIPT = frozenset({"JavaScript", "TypeScript", "TSX"})
_INDEXES = frozenset({"__init__", "index", "mod", "main", "lib"})
"""File names that stand for their folder."""


def with_project_uses(plan: Plan, verdict: Verdict, workspace: Workspace) -> Verdict:
    """Return the verdict, which becomes a refusal if another file still uses a lost definition. Blocks."""
    edited, language = plan.edited, plan.language
    if not verdict.passed or edited is None or language is None or not plan.in_place:
        return verdict
    names = lost_names(edited.text, verdict.text, language)
    if not names:
        return verdict
    for path, text in texts_with(workspace, names, _endings(language), besides=edited.path):
        own = language_of(path.name)
        for name in names:
            line = line_of_use(edited.path, path, text, name, own) if own is not None else 0
            if line:
                where = f"{workspace.shown(path)} (line {line})"
                message = (
                    f"{where} still uses {name}, which is gone from {edited.shown}; keep its definition."
                )
                failed = Check("uses", passed=False, message=message, code=codes.OUT_OF_SCOPE)
                return replace(verdict, checks=(*verdict.checks, failed))
    return verdict


def line_of_use(edited: Path, path: Path, text: str, name: str, language: Language) -> int:
    """Return the line, from 1, on which a file definitely uses a definition from the edited file, or 0 if
    none does.

    In languages that import names, an import matching the edited file must name the definition or its module.
    In Go, files in the same folder share their names. In other languages, a bare use is enough if the file
    does not define the name itself.
    """
    if any(each.last == name for each in definitions(text, language)):
        return 0
    if language.name == "Python" or language.name in _SCRIPT or language.name == "Rust":
        return _imported(edited, text, name, language)
    if language.name == "Go" and path.parent != edited.parent:
        return _line_with(text, f"{edited.parent.name}.{name}", language)
    return _line_with(text, name, language) if bare_uses(text, language)[name] else 0


def _imported(edited: Path, text: str, name: str, language: Language) -> int:
    """Return the line of a use through an import of the edited module, or 0 if there is none."""
    module = edited.parent.name if edited.stem in _INDEXES else edited.stem
    for statement in (*imports(text, language), *_requires(text, language)):
        words = _words(statement)
        if module not in words:
            continue
        behind = words[words.index(module) + 1 :] if language.name not in _SCRIPT else words
        if name in behind:
            return text[: text.find(statement)].count("\n") + 1
    mark = "::" if language.name == "Rust" else "."
    return _line_with(text, f"{module}{mark}{name}", language) if _imports(text, module, language) else 0


def _imports(text: str, module: str, language: Language) -> bool:
    return any(module in _words(each) for each in imports(text, language))


def _requires(text: str, language: Language) -> list[str]:
    """Return the declarations that call ``require``, and the re-exports."""
    if language.name not in _SCRIPT:
        return []
    nodes = captured(tree_of(text, language).root_node, language, ("variable_declarator", "export_statement"))
    found = [text_of(node) for node in nodes]
    return [each for each in found if "require(" in each.split("\n")[0] or " from " in each]


def _words(statement: str) -> list[str]:
    for sign in "(){}[],;:'\"./\\<>*":
        statement = statement.replace(sign, " ")
    return statement.split()


def _line_with(text: str, use: str, language: Language) -> int:
    code = code_of(text, language)
    at = code.find(use)
    while at >= 0:
        before, behind = code[at - 1 : at], code[at + len(use) : at + len(use) + 1]
        if not (before.isalnum() or before in ("_", ".")) and not (behind.isalnum() or behind == "_"):
            return code.count("\n", 0, at) + 1
        at = code.find(use, at + 1)
    return 0


def _endings(language: Language) -> tuple[str, ...]:
    """Return the extensions of files that can use the language's definitions."""
    families = (_SCRIPT, frozenset({"C", "C++"}))
    family = next((each for each in families if language.name in each), frozenset({language.name}))
    return tuple(ending for each in LANGUAGES if each.name in family for ending in each.endings)
