"""Expands the inputs of a batch: globs in ``each``, and ``path::*`` into the file's functions."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from server.batch.plan import Planned
from server.common.errors import NotAFile, SelectionNotFound
from server.offload.code.languages import language_of
from server.offload.code.syntax import Definition, definitions
from server.offload.files.workspace import (
    Workspace,
    confine_target,
    expand,
    read_source,
    split_selection,
)

EVERY = "::*"
FUNCTION_KINDS = ("function", "method", "constructor")


def expand_inputs(workspace: Workspace, each: Sequence[str]) -> tuple[str, ...]:
    """Return the expanded inputs in the given order, without duplicates. Blocks.

    Raises:
        WorkspaceError: a pattern matches no file, leads outside the project or names a folder, or a file
        has no functions.
    """
    inputs: dict[str, None] = {}
    for given in each:
        paths = expand(workspace, given.removesuffix(EVERY))
        if paths == (given,):
            _refuse_folder(workspace, given)
        every = given.endswith(EVERY)
        found = [part for path in paths for part in (_functions(workspace, path) if every else (path,))]
        inputs.update(dict.fromkeys(found))
        if not found:
            raise SelectionNotFound(
                f"{given} does not select any function.", "Check the pattern and the language."
            )
    return tuple(inputs)


def confine_outputs(workspace: Workspace, planned: Planned) -> None:
    """Check that the caller may write every file the batch would write. Blocks.

    Raises:
        BadArguments, WorkspaceError: an output is a pattern or a folder, leads outside the project, or
        must not be written.
    """
    for output in planned.outputs:
        confine_target(workspace, output)


def _refuse_folder(workspace: Workspace, given: str) -> None:
    path = workspace.confine(split_selection(workspace, given)[0])
    if os.path.isdir(path):  # noqa: PTH112 - it never raises
        raise NotAFile(f"{given} is a folder.", f'Name its files: each=["{given.rstrip("/")}/**"].')


def _functions(workspace: Workspace, path: str) -> tuple[str, ...]:
    """Return ``path::name`` for every function and method that is not inside another function.

    Names that occur more than once in the file are omitted, because they cannot be selected.
    """
    source = read_source(workspace, path)
    language = language_of(source.path.name)
    if language is None:
        return ()
    found = definitions(source.text, language)
    names = Counter(each.name for each in found)
    outermost = _outermost(each for each in found if _is_function(each))
    return tuple(f"{path}::{each.name}" for each in outermost if names[each.name] == 1)


def _is_function(definition: Definition) -> bool:
    return any(kind in definition.kind for kind in FUNCTION_KINDS)


def _outermost(found: Iterable[Definition]) -> Iterator[Definition]:
    """Yield the definitions that are not nested inside another definition, in file order."""
    end = -1
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        if each.end > end:
            yield each
            end = each.end
