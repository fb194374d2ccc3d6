"""Names that code can bind in any way: through a definition, an import, an assignment or a parameter."""

from server.offload.code.languages import Language
from server.offload.code.syntax import captured, text_of, tree_of
from server.offload.compare.matching import Matching


def is_bound(name: str, after: str, language: Language, matching: Matching) -> bool:
    """Return whether the new text may bind the name in any way. Merely using it is not enough."""
    if any(unit.last == name for unit in (*(new for _, new in matching.pairs), *matching.added)):
        return True
    root = tree_of(after, language).root_node
    for node in captured(root, language, _BINDING):
        if name in (each.strip() for each in _names_bound(text_of(node))):
            return True
    return (
        any(parameter.name == name for _, unit in matching.pairs for parameter in unit.parameters)
        or language.name not in _PRECISE
    )


_BINDING = (
    "import_statement", "import_from_statement", "import_declaration", "assignment", "for_statement",
    "for_in_clause", "with_item", "as_pattern", "variable_declarator", "lexical_declaration",
    "import_spec", "use_declaration", "named_imports", "parameters", "formal_parameters",
    "lambda_parameters", "global_statement", "nonlocal_statement", "short_var_declaration",
    "const_spec", "var_spec", "let_declaration", "import_list", "catch_clause", "except_clause",
    "object_pattern", "array_pattern", "parameter_list", "closure_parameters", "case_clause",
    "range_clause", "named_expression", "type_parameters", "match_pattern", "field_declaration",
    "local_variable_declaration", "enhanced_for_statement", "macro_invocation",
)  # fmt: skip
_PRECISE = frozenset({"Python", "JavaScript", "TypeScript", "TSX", "Go", "Rust"})
"""Languages in which a bare name must be defined or imported in the file (for Go, in the package)."""


def _names_bound(text: str) -> list[str]:
    left = text.split("=", 1)[0] if "=" in text and not text.startswith(("import", "from", "use")) else text
    for sign in "(){}[]<>,:;.*&|":
        left = left.replace(sign, " ")
    return left.split()
