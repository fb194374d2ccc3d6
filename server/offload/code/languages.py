"""Languages with a bundled grammar: names, file extensions, and node types for definitions."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath

import tree_sitter


@dataclass(frozen=True)
class Language:
    """One language and its tree-sitter grammar.

    ``defines`` maps node types to kinds of definition. ``imports`` are the node types shown in an outline.
    ``fence`` is the info string for a Markdown block; ``other_names`` are other names for the language.
    ``lags`` means that the grammar rejects code that compilers accept (macros, recent syntax), so only
    unbalanced brackets are treated as errors. ``overloads`` means that definitions with the same name are
    told apart by parameter types.
    """

    name: str
    fence: str
    endings: tuple[str, ...]
    module: str
    function: str = "language"
    other_names: tuple[str, ...] = ()
    defines: Mapping[str, str] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    comment: str = "#"
    lags: bool = False
    overloads: bool = False

    @property
    def has_definitions(self) -> bool:
        """Return whether the language has functions and classes rather than just data."""
        return bool(self.defines)

    def __hash__(self) -> int:
        return hash(self.name)


_SCRIPT = {
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "class_declaration": "class",
    "method_definition": "method",
    "variable_declarator": "function",  # only if its value is a function or class
    "field_definition": "function",
    "public_field_definition": "function",
}
_TYPED = {
    **_SCRIPT,
    "abstract_class_declaration": "class",
    "interface_declaration": "interface",
    "enum_declaration": "enum",
    "type_alias_declaration": "type",
    "internal_module": "namespace",
    "abstract_method_signature": "method",
}
_C = {
    "function_definition": "function",
    "struct_specifier": "struct",
    "enum_specifier": "enum",
    "union_specifier": "union",
}

LANGUAGES: tuple[Language, ...] = (
    Language(
        "Python", "python", (".py", ".pyi"), "tree_sitter_python", other_names=("py", "python3"),
        defines={"function_definition": "function", "class_definition": "class"},
        imports=("import_statement", "import_from_statement", "future_import_statement"),
    ),
    Language(
        "JavaScript", "javascript", (".js", ".jsx", ".mjs", ".cjs"), "tree_sitter_javascript",
        other_names=("js", "jsx", "node"), defines=_SCRIPT, imports=("import_statement",), comment="//",
    ),
    Language(
        "TypeScript", "typescript", (".ts", ".mts", ".cts"), "tree_sitter_typescript",
        "language_typescript", other_names=("ts",), defines=_TYPED, imports=("import_statement",),
        comment="//",
    ),
    Language(
        "TSX", "tsx", (".tsx",), "tree_sitter_typescript", "language_tsx", defines=_TYPED,
        imports=("import_statement",), comment="//",
    ),
    Language(
        "Go", "go", (".go",), "tree_sitter_go", other_names=("golang",),
        defines={
            "function_declaration": "function", "method_declaration": "method", "type_spec": "type",
            "type_alias": "type",
        },
        imports=("package_clause", "import_declaration"), comment="//",
    ),
    Language(
        "Rust", "rust", (".rs",), "tree_sitter_rust", other_names=("rs",),
        defines={
            "function_item": "function", "struct_item": "struct", "enum_item": "enum", "trait_item": "trait",
            "impl_item": "impl", "mod_item": "module", "type_item": "type", "macro_definition": "macro",
            "union_item": "union", "function_signature_item": "function",
        },
        imports=("use_declaration",), comment="//",
    ),
    Language(
        "Java", "java", (".java",), "tree_sitter_java",
        defines={
            "class_declaration": "class", "interface_declaration": "interface", "enum_declaration": "enum",
            "record_declaration": "record", "annotation_type_declaration": "annotation",
            "method_declaration": "method", "constructor_declaration": "constructor",
        },
        imports=("package_declaration", "import_declaration"), comment="//", overloads=True,
    ),
    Language(
        "C", "c", (".c", ".h"), "tree_sitter_c", defines=_C, imports=("preproc_include",), comment="//",
        lags=True,
    ),
    Language(
        "C++", "cpp", (".cpp", ".cc", ".cxx", ".hpp", ".hh", ".hxx"), "tree_sitter_cpp",
        other_names=("c++", "cxx"),
        defines={**_C, "class_specifier": "class", "namespace_definition": "namespace"},
        imports=("preproc_include", "using_declaration"), comment="//", lags=True, overloads=True,
    ),
    Language(
        "C#", "csharp", (".cs",), "tree_sitter_c_sharp", other_names=("c#", "cs"),
        defines={
            "class_declaration": "class", "struct_declaration": "struct",
            "interface_declaration": "interface", "record_declaration": "record",
            "enum_declaration": "enum", "method_declaration": "method",
            "constructor_declaration": "constructor", "property_declaration": "property",
            "namespace_declaration": "namespace", "local_function_statement": "function",
            "delegate_declaration": "delegate",
        },
        imports=("using_directive", "file_scoped_namespace_declaration"), comment="//", lags=True,
        overloads=True,
    ),
    Language(
        "Ruby", "ruby", (".rb", ".rake", ".gemspec"), "tree_sitter_ruby", other_names=("rb",),
        defines={
            "method": "method", "singleton_method": "method", "class": "class", "module": "module",
        },
    ),
    Language(
        "PHP", "php", (".php",), "tree_sitter_php", "language_php",
        defines={
            "function_definition": "function", "class_declaration": "class", "method_declaration": "method",
            "interface_declaration": "interface", "trait_declaration": "trait", "enum_declaration": "enum",
        },
        imports=("namespace_use_declaration", "namespace_definition"), comment="//",
    ),
    Language(
        "Bash", "bash", (".sh", ".bash"), "tree_sitter_bash", other_names=("sh", "shell", "zsh"),
        defines={"function_definition": "function"},
    ),
    Language("JSON", "json", (".json", ".jsonc"), "tree_sitter_json", other_names=("jsonc",), comment="//"),
    Language("HTML", "html", (".html", ".htm"), "tree_sitter_html", comment="<!--"),
    Language("CSS", "css", (".css",), "tree_sitter_css", comment="/*", lags=True),
    Language(
        "Kotlin", "kotlin", (".kt", ".kts"), "tree_sitter_kotlin", other_names=("kt",),
        defines={
            "class_declaration": "class", "object_declaration": "object", "function_declaration": "function",
            "type_alias": "type", "companion_object": "object",
        },
        imports=("package_header", "import"), comment="//", lags=True, overloads=True,
    ),
    Language(
        "Swift", "swift", (".swift",), "tree_sitter_swift",
        defines={
            "class_declaration": "class", "protocol_declaration": "protocol",
            "function_declaration": "function", "init_declaration": "constructor",
            "protocol_function_declaration": "function", "typealias_declaration": "type",
        },
        imports=("import_declaration",), comment="//", lags=True, overloads=True,
    ),
    Language(
        "Scala", "scala", (".scala", ".sc"), "tree_sitter_scala",
        defines={
            "object_definition": "object", "class_definition": "class", "trait_definition": "trait",
            "function_definition": "function", "function_declaration": "function",
            "enum_definition": "enum", "type_definition": "type",
        },
        imports=("package_clause", "import_declaration"), comment="//", lags=True, overloads=True,
    ),
    Language(
        "Dart", "dart", (".dart",), "tree_sitter_dart",
        defines={
            "class_definition": "class", "enum_declaration": "enum", "mixin_declaration": "mixin",
            "extension_declaration": "extension", "function_signature": "function",
            "getter_signature": "getter", "setter_signature": "setter",
            "constructor_signature": "constructor",
        },
        imports=("import_or_export",), comment="//", lags=True,
    ),
    Language(
        "Lua", "lua", (".lua",), "tree_sitter_lua",
        defines={"function_declaration": "function", "assignment_statement": "function"}, comment="--",
    ),
    Language(
        "Elixir", "elixir", (".ex", ".exs"), "tree_sitter_elixir", defines={"call": "function"},
    ),
    Language(
        "Zig", "zig", (".zig",), "tree_sitter_zig",
        defines={"function_declaration": "function", "variable_declaration": "struct"}, comment="//",
        lags=True,
    ),
    Language(
        "PowerShell", "powershell", (".ps1", ".psm1"), "tree_sitter_powershell",
        other_names=("pwsh", "ps1"),
        defines={
            "function_statement": "function", "class_statement": "class",
            "class_method_definition": "method",
        },
        lags=True,
    ),
)  # fmt: skip

PLAIN_FENCES = {
    ".md": "markdown", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".sql": "sql", ".xml": "xml",
    ".txt": "text", ".ini": "ini", ".scss": "scss", ".vue": "vue", ".svelte": "svelte", ".r": "r",
    ".pl": "perl",
}  # fmt: skip
"""Markdown info strings for files without a bundled grammar."""

PROSE_ENDINGS = frozenset({".md", ".markdown", ".txt", ".rst", ".adoc", ".org", ""})
"""Extensions of prose files, in which text that looks like chatter or a code block can be content."""


def language_of(name: str, asked: str = "") -> Language | None:
    """Return a file's language by its extension, or else the requested language, or None if there is
    neither.
    """
    ending = PurePath(name).suffix.lower() if name else ""
    for language in LANGUAGES:
        if ending and ending in language.endings:
            return language
    if ending in PLAIN_FENCES:
        return None
    return named_language(asked)


def language_in(name: str, text: str, asked: str = "") -> Language | None:
    """Return the language of a file with this text. A ``.h`` header is C++ if only C++ can parse it."""
    language = language_of(name, asked)
    if language is not None and language.name == "C" and name.lower().endswith(".h"):
        other = named_language("cpp")
        if other is not None and _broken(text, language) and not _broken(text, other):
            return other
    return language


def _broken(text: str, language: Language) -> bool:
    return parser_of(language).parse(text.encode()).root_node.has_error


def named_language(asked: str) -> Language | None:
    """Return the language with this name, or None if the name is unknown."""
    wanted = asked.strip().lower()
    for language in LANGUAGES:
        if wanted and wanted in {language.name.lower(), language.fence, *language.other_names}:
            return language
    return None


@cache
def parser_of(language: Language) -> tree_sitter.Parser:
    """Return the language's parser. Only one thread uses it at a time, because parsing holds the interpreter
    lock.
    """
    return tree_sitter.Parser(grammar_of(language))


@cache
def grammar_of(language: Language) -> tree_sitter.Language:
    """Return the language's grammar, loaded on first use."""
    module = importlib.import_module(language.module)
    return tree_sitter.Language(getattr(module, language.function)())
