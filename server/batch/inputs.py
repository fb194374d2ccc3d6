"""From ``each`` to the inputs of a batch: globs expanded, ``path::*`` turned into a file's functions."""

from collections import Counter
from collections.abc import Sequence

from server.errors import SelectionNotFound
from server.offload.languages import language_of
from server.offload.syntax import Definition, definitions
from server.offload.workspace import Workspace, expand, read_source

EVERY = "::*"
FUNCTION_KINDS = ("function", "method", "constructor")


def expand_inputs(workspace: Workspace, each: Sequence[str]) -> tuple[str, ...]:
    """Return the inputs, each once, in the order given; blocks.

    Raises:
        WorkspaceError: a pattern matches nothing, leads outside, or a file has no functions.
    """
    inputs: dict[str, None] = {}
    for given in each:
        paths = expand(workspace, given.removesuffix(EVERY))
        every = given.endswith(EVERY)
        found = [part for path in paths for part in (_functions(workspace, path) if every else (path,))]
        inputs.update(dict.fromkeys(found))
        if not found:
            raise SelectionNotFound(f"{given} selects no function.", "Check the pattern and the language.")
    return tuple(inputs)


def _functions(workspace: Workspace, path: str) -> tuple[str, ...]:
    """Return ``path::name`` for every function and method, those inside another function left out.

    A name that stands twice in the file cannot be selected, and is left out as well.
    """
    source = read_source(workspace, path)
    language = language_of(source.path.name)
    if language is None:
        return ()
    found = [each for each in definitions(source.text, language) if _is_function(each)]
    outermost = [each for each in found if not any(_inside(each, other) for other in found)]
    names = Counter(each.name for each in definitions(source.text, language))
    return tuple(f"{path}::{each.name}" for each in outermost if names[each.name] == 1)


def _is_function(definition: Definition) -> bool:
    return any(kind in definition.kind for kind in FUNCTION_KINDS)


def _inside(inner: Definition, outer: Definition) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and inner != outer
