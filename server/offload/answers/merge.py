"""Reads an answer definition by definition if, taken as a whole, it does not have the requested form.

Small models often return only the functions they changed, or the class around the requested method. Each
definition replaces the only definition of the same name in the file; the rest of the file is unchanged. An
answer with any other code is not read this way.
"""

from collections import Counter
from itertools import pairwise

from server.offload.answers.edits import indented_like
from server.offload.code.languages import Language
from server.offload.code.syntax import Definition, definitions, imports, loose_code
from server.offload.values import Edit, Source


def selected_definition(source: Source, code: str, language: Language) -> tuple[Edit, ...]:
    """Return the edit that replaces the selection with the answer's definition of the selected name, if it
    has one.
    """
    selected = [
        each for each in definitions(source.text, language)
        if (each.start, each.end) == (source.start, source.end)
    ]  # fmt: skip
    if len(selected) != 1:
        return ()
    found = [
        each
        for each in definitions(code, language)
        if each.name in (selected[0].name, selected[0].last) and each.kind == selected[0].kind
    ]
    return (_edit(source, selected[0], code, found[0]),) if len(found) == 1 else ()


def members_alone(source: Source, code: str, language: Language) -> tuple[Edit, ...]:
    """Return the edits that put members into the selected class, if ``code`` is members of a class without
    the class around them.

    A member replaces the one of the same name; new ones follow the last. The result is empty if the selection
    is not one definition with members, or if ``code`` is not indented more than it, or contains anything
    else.
    """
    old = definitions(source.text, language)
    outer = next((each for each in old if (each.start, each.end) == (source.start, source.end)), None)
    if outer is None or not (own := [each for each in old if _is_member(each, outer)]):
        return ()
    if len(_indentation_of(code, 0)) <= len(_indentation_of(source.text, outer.head)):
        return ()
    head, brace = source.text[outer.start : outer.body].rstrip(), source.text[outer.body] == "{"
    around = f"{head} {{\n{code}\n}}" if brace else f"{head}\n{code}"
    found = definitions(around, language)
    given = [each for each in found if _is_member(each, found[0])] if found else []
    if not given or found[0].last != outer.last or len({each.name for each in given}) < len(given):
        return ()
    rest = around[: given[0].start] + around[given[-1].end :]
    between = (around[one.end : two.start] for one, two in pairwise(given))
    if rest.split() != [*head.split(), *(["{", "}"] if brace else [])] or any(map(str.strip, between)):
        return ()
    edits, added = [], ""
    for each in given:
        place = next((member for member in own if member.last == each.last), None)
        if place is not None:
            edits.append(_edit(source, place, around, each))
        else:
            added += "\n\n" + _edit(source, own[-1], around, each).text
    if added:
        edits.append(Edit(own[-1].end, own[-1].end, added))
    return tuple(edit for edit in edits if source.text[edit.start : edit.end] != edit.text)


def _is_member(each: Definition, outer: Definition) -> bool:
    return each.level == outer.level + 1 and outer.start <= each.start and each.end <= outer.end


def _indentation_of(text: str, at: int) -> str:
    """Return the white space before the first word of the line at an offset, or of the first line with words
    after it.
    """
    line = next((each for each in text[text.rfind("\n", 0, at) + 1 :].split("\n") if each.strip()), "")
    return line[: len(line) - len(line.lstrip())]


def by_definitions(source: Source, code: str, language: Language) -> tuple[Edit, ...]:
    """Return the edits that replace definitions in the file with those of the same name in ``code``.

    The result is empty if a definition has no counterpart or occurs twice, or if ``code`` contains anything
    besides definitions, imports, comments and lines already in the file.
    """
    known = {line.strip() for line in source.text.split("\n")}
    fresh = [each for each in imports(code, language) if each not in known]
    said = {line.strip() for each in fresh for line in each.split("\n")}
    if any(line not in known and line not in said for line in loose_code(code, language)):
        return ()
    old, new = definitions(source.text, language), definitions(code, language)
    counts = Counter((each.name, code[each.head : each.body]) for each in new)
    if any(count > 1 for count in counts.values()):
        return ()
    edits: list[Edit] = _with_imports(source.text, fresh, language)
    for each in new:
        if each.level == 0:
            own = _edits_of(source, old, code, new, each)
            if own is None:
                return ()
            edits += own
    return tuple(edit for edit in edits if source.text[edit.start : edit.end] != edit.text)


def _with_imports(text: str, fresh: list[str], language: Language) -> list[Edit]:
    """Return the edit that adds import statements after the file's existing imports, or at the top of the
    file.
    """
    if not fresh:
        return []
    lines = "\n".join(fresh)
    last = imports(text, language)[-1:]
    if last:
        at = text.rfind(last[0]) + len(last[0])
        return [Edit(at, at, f"\n{lines}")]
    first = min((each.start for each in definitions(text, language)), default=0)
    return [Edit(first, first, f"{lines}\n\n\n")]


def _edits_of(
    source: Source, old: tuple[Definition, ...], code: str, new: tuple[Definition, ...], given: Definition
) -> list[Edit] | None:
    """Return the edits for one definition. For a partial class, return the edits for its members."""
    place = _place(old, given)
    if place is None:
        return None
    members = {each.name for each in old if each.name.startswith(f"{place.name}.")}
    given_members = [each for each in new if each.name.startswith(f"{given.name}.")]
    if members <= {place.name + each.name.removeprefix(given.name) for each in given_members}:
        return [_edit(source, place, code, given)]
    edits: list[Edit] = []
    for each in given_members:
        if each.level == given.level + 1:
            own = _edits_of(source, old, code, new, each)
            if own is None:
                return None
            edits += own
    return edits


def _place(old: tuple[Definition, ...], given: Definition) -> Definition | None:
    """Return the only definition with this qualified name, or else the only one with the unqualified name."""
    counts = Counter(each.name for each in old)
    if counts[given.name] == 1:
        return next(each for each in old if each.name == given.name)
    last = [each for each in old if each.last == given.name]
    return last[0] if not counts[given.name] and len(last) == 1 else None


def _edit(source: Source, place: Definition, code: str, given: Definition) -> Edit:
    before = source.text[place.start : place.end].split("\n")
    text = indented_like(before, code[given.start : given.end].split("\n"))
    return Edit(place.start, place.end, "\n".join(text))
