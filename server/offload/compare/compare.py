"""Compares a file before and after an edit, in a way that suits its type."""

from collections.abc import Iterator
from pathlib import PurePath

from server.offload.code.languages import Language
from server.offload.compare.code import compare_code
from server.offload.compare.documents import compare_sections
from server.offload.compare.lines import compare_characters, compare_lines
from server.offload.compare.markup import compare_elements, html_elements, xml_elements
from server.offload.compare.tables import DELIMITERS, compare_columns
from server.offload.compare.top import compare_tops, top_comment
from server.offload.compare.trees import compare_trees, parse_tree
from server.offload.compare.values import Change, Comparison

DATA = {
    ".json": "json", ".ipynb": "json", ".jsonc": "jsonc", ".json5": "jsonc", ".code-workspace": "jsonc",
    ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".webmanifest": "json", ".geojson": "json",
}  # fmt: skip
XML = frozenset({".xml", ".svg", ".xsd", ".xsl", ".xslt", ".csproj", ".vbproj", ".props", ".targets",
                 ".plist", ".xaml", ".wsdl", ".resx", ".storyboard", ".xib", ".pom"})  # fmt: skip
HTML = frozenset({".html", ".htm", ".vue", ".svelte", ".astro", ".xhtml"})
MARKDOWN = frozenset({".md", ".markdown", ".mdx"})


def compare(before: str, after: str, file_name: str, language: Language | None) -> Comparison:
    """Return the changes in an edit except additions, most serious first, without duplicates."""
    suffix = PurePath(file_name).suffix.lower()
    found, compared = _by_kind(before, after, suffix, file_name, language)
    tops = list(compare_tops(before, after, suffix))
    covered = top_comment(before, suffix).end if tops else 0
    changes = [
        *tops,
        *(each for each in found if not (each.line <= covered and each.kind in ("comment", "line", ""))),
        *compare_characters(before, after),
    ]
    order = {"wrong": 0, "slip": 1, "loss": 2}
    ordered = sorted(dict.fromkeys(changes), key=lambda change: order[change.weight])
    return Comparison(tuple(ordered), compared)


def _by_kind(  # noqa: PLR0911 - one for each kind of file
    before: str, after: str, suffix: str, file_name: str, language: Language | None
) -> tuple[list[Change], str]:
    kind = DATA.get(suffix)
    if kind is not None:
        for each in dict.fromkeys((kind, "jsonc" if kind == "json" else kind)):
            old, new = parse_tree(before, each), parse_tree(after, each)
            if old is not None and new is not None:
                return list(compare_trees(old, new, before)), "keys"
    if language is not None and language.has_definitions:
        return list(compare_code(before, after, language)), "definitions"
    if suffix in XML:
        xml_old, xml_new = xml_elements(before), xml_elements(after)
        if not isinstance(xml_old, str) and not isinstance(xml_new, str):
            return list(compare_elements(xml_old, xml_new)), "elements"
    if suffix in HTML:
        return list(_html(before, after)), "elements"
    if suffix in MARKDOWN:
        return list(compare_sections(before, after)), "sections"
    lines = list(compare_lines(before, after, file_name))
    if suffix in DELIMITERS:
        return [*compare_columns(before, after, suffix), *lines], "cells"
    return lines, "lines"


def _html(before: str, after: str) -> Iterator[Change]:
    yield from compare_elements(html_elements(before), html_elements(after))
