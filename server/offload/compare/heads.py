"""Compares definition heads: decorators, modifiers, parameters, bases, doc comments."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

from server.offload.code.languages import Language
from server.offload.compare.matching import Matching
from server.offload.compare.units import Parameter, Unit, label
from server.offload.compare.values import Change, Weight

_TELLING = frozenset(
    {"public", "private", "protected", "internal", "static", "final", "abstract", "override", "virtual",
     "export", "default", "pub", "unsafe", "synchronized", "sealed", "readonly", "const", "constexpr",
     "noexcept", "volatile", "transient", "native", "open", "suspend", "inline", "extern", "partial",
     "required", "lazy", "operator", "explicit", "mutating"}
)  # fmt: skip
"""Modifiers that change a definition's meaning if they are lost."""


def compare_heads(matching: Matching, after: str, language: Language) -> Iterator[Change]:
    """Yield the parts that were lost from the definitions' heads."""
    for old, new in matching.pairs:
        if old.text == new.text:
            continue
        same = old.head == new.head and old.attributes == new.attributes
        if same and old.comment == new.comment and old.docstring == new.docstring:
            continue
        moved = {"@staticmethod", "@classmethod"} if old.outer != new.outer else set()
        for attribute in (Counter(old.attributes) - Counter(new.attributes)).elements():
            if attribute not in moved and not _altered(attribute, old, new):
                yield _of(old, "removed", "", attribute, "slip", _attribute_words(attribute))
        lost = (old.modifiers - new.modifiers) & _TELLING
        if lost and not _replaced(lost, new.modifiers - old.modifiers):
            yield _of(old, "removed", "", " ".join(sorted(lost)), "slip", tuple(lost))
        yield from _parameters(old, new, language)
        bases = [base for base in old.bases if base not in new.bases and base[:1].isupper()]
        if bases and len(new.bases) < len(old.bases):
            yield _of(old, "removed", "base", ", ".join(bases), "loss", tuple(bases))
        if old.comment and not (new.comment or new.docstring) and old.comment.split("\n")[0] not in after:
            yield _of(old, "removed", "comment", "", "slip", ())
        if old.docstring and not new.docstring and not new.comment:
            yield _of(old, "removed", "docstring", "", "slip", ())


def _of(  # noqa: PLR0917 - the fields of a change
    unit: Unit, how: str, kind: str, name: str, weight: Weight, words: tuple[str, ...]
) -> Change:
    described = f"{name} of {unit.last}" if name else f"of {unit.last}"
    return Change(how, kind, described, unit.line, weight, words)


def _altered(attribute: str, old: Unit, new: Unit) -> bool:
    """Return whether an attribute still exists with other arguments, in a list that is not shorter."""
    name = attribute.split("(", maxsplit=1)[0].rstrip("]")
    fresh = [each for each in new.attributes if each not in old.attributes]
    return any(each.split("(")[0].rstrip("]").startswith(name) for each in fresh) or (
        len(new.attributes) >= len(old.attributes) and bool(fresh)
    )


def _attribute_words(attribute: str) -> tuple[str, ...]:
    plain = attribute.lstrip("@#[").split("(")[0].rstrip("]")
    return (plain, plain.rpartition(".")[2])


def _replaced(lost: frozenset[str], gained: frozenset[str]) -> bool:
    visible = {"public", "private", "protected", "internal", "pub", "export"}
    return bool(lost & visible) and bool(gained & visible)


def _parameters(old: Unit, new: Unit, language: Language) -> Iterator[Change]:
    names = {each.name for each in new.parameters}
    fresh = [each for each in new.parameters if each.name not in {one.name for one in old.parameters}]
    for each in old.parameters:
        if each.name in names or each.name in ("self", "cls", "this", "*", "/"):
            continue
        if fresh:
            fresh.pop(0)  # renamed or replaced
            continue
        if _word_in(each.name, old.body) and not _word_in(each.name, new.body):
            continue  # the body no longer uses it
        yield _of(old, "removed", "parameter", each.name, "loss", (each.name,))
    by_name = {each.name: each for each in new.parameters}
    for each in old.parameters:
        other = by_name.get(each.name)
        if other is not None and each.default and other.default != each.default and other.type == each.type:
            change = f"{each.name}={each.default}" + (f", now {other.default}" if other.default else "")
            yield _of(old, "changed" if other.default else "removed", "default", change, "loss", (each.name,))
    for name, fresh_name in _moved_back(old.parameters, new.parameters):
        yield _of(old, "moved", "parameter", name, "slip", (fresh_name, name))
    if language.overloads and old.parameters and _retyped(old.parameters, new.parameters):
        yield Change("changed", "signature", label(old), old.line, "loss", ())


def _moved_back(old: Sequence[Parameter], new: Sequence[Parameter]) -> Iterator[tuple[str, str]]:
    """Yield the first positional parameter that stands behind a new optional one, with the new one: calls
    that pass it by position now pass it as the other.
    """
    known = {each.name for each in old}
    if known - {each.name for each in new}:
        return  # renamed or replaced
    positional = [each.name for each in _positional(old)]
    for fresh, following in itertools.pairwise(_positional(new)):
        if fresh.name not in known and fresh.default and following.name in positional:
            yield following.name, fresh.name
            return


def _positional(parameters: Sequence[Parameter]) -> list[Parameter]:
    return list(itertools.takewhile(lambda each: not each.name.startswith("*"), parameters))


def _retyped(old: Sequence[Parameter], new: Sequence[Parameter]) -> bool:
    return bool(new) and not {each.type for each in old} & {each.type for each in new}


def _word_in(name: str, text: str) -> bool:
    plain = name.strip("*&?$ ")
    return bool(plain) and plain in text
