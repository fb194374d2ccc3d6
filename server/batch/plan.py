"""The plan of a batch: its items, checked before any item runs.

The map form takes one ``task``, the inputs ``each``, and an ``output`` pattern with the input's placeholders
``{path}`` ``{dir}`` ``{name}`` ``{stem}`` ``{ext}``, relative to the project. The list form takes up to ten
complete tasks.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.common.errors import BadArguments
from server.offload.files.workspace import MOST_FILES, PLACEHOLDERS
from server.offload.values import OUTPUT_FORMATS

MOST_LISTED_TASKS = 10
MOST_TASK_CHARACTERS = 100_000
"""Maximum length of a task text (characters). Anything longer is source material and belongs in files."""
ARGUMENTS = (
    "task",
    "files",
    "output",
    "context",
    "language",
    "output_format",
    "model",
    "category",
    "check",
    "examples",
)
LISTS = ("files", "examples")
"""Arguments that are lists of strings."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Planned:
    """The items of a batch, as ``offload_work`` arguments, and the files they write."""

    task: str
    items: tuple[dict[str, Any], ...]
    sequential: bool

    @property
    def outputs(self) -> tuple[str, ...]:
        """The distinct files the batch would write, in order."""
        return tuple(dict.fromkeys(str(item["output"]) for item in self.items if item.get("output")))


def plan_tasks(tasks: Sequence[dict[str, Any]], sequential: bool) -> Planned:
    """Return the items of a batch in list form.

    Raises:
        BadArguments: there are no tasks or too many, a task has no text, or two parallel tasks conflict (both
        write the same file, or one reads a file that the other writes).
    """
    if not 1 <= len(tasks) <= MOST_LISTED_TASKS:
        raise BadArguments(
            f"`tasks` has {len(tasks)} tasks; the limit is 1 to {MOST_LISTED_TASKS}.",
            'For one task on many files, use `task` with each=["src/**/*.py"].',
        )
    for position, item in enumerate(tasks, start=1):
        _refuse_bad_task(f"Task {position}", item)
    planned = Planned(str(tasks[0]["task"]), tuple(dict(item) for item in tasks), sequential=True)
    return planned if sequential else run_in_parallel(planned)


def run_in_parallel(planned: Planned) -> Planned:
    """Convert a sequential plan to one whose items run in parallel.

    Raises:
        BadArguments: two items write the same file, or one reads a file that another writes.
    """
    _refuse_shared_outputs([str(item["output"]) for item in planned.items if item.get("output")])
    _refuse_dependent(planned.items)
    return Planned(planned.task, by_shared_prefix(planned.items), sequential=False)


def plan_each(
    task: str,
    inputs: Sequence[str],
    output: str,
    shared: dict[str, Any],
    cap: int,
    *,
    file_of: Callable[[str], str] | None = None,
) -> Planned:
    """Return the map form's items, one per input in ``inputs`` (expanded: no globs, no duplicates).

    ``shared`` holds arguments common to all items. Every item reads ``shared["files"]`` before its own
    input, so that the engine can reuse that part of the prompt. ``file_of`` returns an input's file without
    the selection; it defaults to the function of that name, which reads no files.

    Raises:
        BadArguments: there are no inputs or more than ``cap``, a placeholder is unknown, two inputs would
        write the same output, or an output is another item's input.
    """
    _refuse_bad_task("The batch", {**shared, "task": task})
    if not inputs:
        raise BadArguments(
            "No file matches the patterns in `each`.", "Check the pattern against the project's files."
        )
    if len(inputs) > cap:
        raise BadArguments(
            f"`each` matches {len(inputs)} files; a batch takes at most {cap}.",
            "Narrow the pattern, or raise [batch] max_items.",
        )
    _refuse_bad_pattern(output)
    context_files = list(shared.get("files") or ())
    files = [(file_of or _file_of)(path) for path in inputs]
    outputs = [posixpath.normpath(_filled(output, path)) for path in files]
    _refuse_collisions(files, outputs)
    items = tuple(
        {**shared, "task": task, "files": [*context_files, path], "output": written}
        for path, written in zip(inputs, outputs, strict=True)
    )
    return Planned(task, by_shared_prefix(items), sequential=False)


def by_shared_prefix(items: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return the items ordered so that those with the same files are next to each other.

    Prompts begin with the files, so the engine does not have to read them again for the next item.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for item in items:
        groups.setdefault(tuple(file_of(path) for path in item.get("files") or ()), []).append(item)
    return tuple(item for group in groups.values() for item in group)


def fill(pattern: str, given: str) -> str:
    """Return the output path for one input: ``fill("{dir}/{stem}.md", "src/a.py")`` is ``src/a.md``.

    For a selection (``src/a.py::f``, ``src/a.py:1-9``) the pattern gets the path of its file, unless it is
    only ``{path}``: then the selection is edited in place.
    """
    return posixpath.normpath(fill_literally(pattern, given))


def fill_literally(pattern: str, given: str) -> str:
    """Return the result of ``fill`` before ``.`` and ``..`` are resolved."""
    return _filled(pattern, file_of(given))


def _filled(pattern: str, path: str) -> str:
    directory, name = posixpath.split(path)
    stem, ext = posixpath.splitext(name)
    values = {"path": path, "dir": directory or ".", "name": name, "stem": stem, "ext": ext.lstrip(".")}
    return _PLACEHOLDER.sub(lambda match: values[match.group(1)], pattern)


def file_of(given: str) -> str:
    """Return the file for an input that may include a selection, with forward slashes."""
    path = given.split("::", 1)[0].replace("\\", "/")
    return re.sub(r":\d+(-\d+)?$", "", path)


_file_of = file_of


def require_few_names(arguments: Mapping[str, Any]) -> None:
    """Check, before anything else, that the task text and the list of files are not too long.

    Raises:
        BadArguments: the text or the list is too long.
    """
    files, task = arguments.get("files"), arguments.get("task")
    if isinstance(files, list) and len(files) > MOST_FILES:
        raise BadArguments(
            f"`files` has {len(files):,} names; a task takes at most {MOST_FILES}.",
            "Use batch_offload with one item per file.",
        )
    if isinstance(task, str) and len(task) > MOST_TASK_CHARACTERS:
        raise BadArguments(
            f"`task` has {len(task):,} characters; the limit is {MOST_TASK_CHARACTERS:,}.",
            "Say what to do, and pass any long text as a file.",
        )


def _refuse_bad_task(which: str, item: object) -> None:
    if not isinstance(item, dict):  # checked again before the arguments are validated against their schema
        raise BadArguments(f"{which} is not an object.", 'Write {"task": "…", "files": […], "output": "…"}.')
    for name, value in item.items():
        if name not in ARGUMENTS:
            raise BadArguments(
                f"{which} has no argument {name}.", f"Its arguments are: {', '.join(ARGUMENTS)}."
            )
        texts = value if name in LISTS else [value]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise BadArguments(
                f"{which}: {name} has a bad value.", "Pass text; for files and examples, pass lists of text."
            )
    require_few_names(item)
    if not item.get("task", "").strip():
        raise BadArguments(f"{which} has no task text.", "Say what to do.")
    if item.get("output_format", "code") not in OUTPUT_FORMATS:
        raise BadArguments(f"{which}: output_format is unknown.", f"Known: {', '.join(OUTPUT_FORMATS)}.")


def _refuse_bad_pattern(output: str) -> None:
    if not output:
        raise BadArguments(
            "`each` needs an output pattern, because many answers do not fit into one call's result.",
            'Say where to write: output="{path}" edits in place, "{dir}/{stem}.md" writes next to the input.',
        )
    if output.endswith("/"):
        raise BadArguments(
            f"The output pattern {output} names a folder.", f'Name files in it: "{output}{{stem}}.md".'
        )
    names = _PLACEHOLDER.findall(output)
    unknown = [name for name in names if name not in PLACEHOLDERS]
    if unknown:
        raise BadArguments(
            f"The output pattern contains an unknown placeholder: {{{unknown[0]}}}.",
            "Known ones: " + ", ".join(f"{{{name}}}" for name in PLACEHOLDERS) + ".",
        )


def _refuse_collisions(files: Sequence[str], outputs: Sequence[str]) -> None:
    in_place = [
        posixpath.normpath(out) == posixpath.normpath(own) for out, own in zip(outputs, files, strict=True)
    ]
    if all(in_place):
        return  # several selections of one file come one after another
    _refuse_shared_outputs(outputs)
    own = {posixpath.normpath(path) for path in files}
    for output, path, same in zip(outputs, files, in_place, strict=True):
        if not same and posixpath.normpath(output) in own:
            raise BadArguments(
                f"The output of {path} would be {output}, which is itself an input.",
                "Choose a pattern that writes next to the inputs, or {path} to edit in place.",
            )


def _refuse_dependent(tasks: Sequence[dict[str, Any]]) -> None:
    writers = {
        posixpath.normpath(file_of(str(item["output"]))): position
        for position, item in enumerate(tasks, start=1)
        if item.get("output")
    }
    for position, item in enumerate(tasks, start=1):
        for path in item.get("files") or ():
            writer = writers.get(posixpath.normpath(file_of(path)), position)
            if writer != position:
                raise BadArguments(
                    f"Task {position} reads {file_of(path)}, which task {writer} writes at the same time.",
                    "Pass sequential=true and place the task that writes the file first, or use two batches.",
                )


def _refuse_shared_outputs(outputs: Sequence[str]) -> None:
    counts = Counter(posixpath.normpath(output) for output in outputs)
    shared = [path for path, count in counts.items() if count > 1]
    if shared:
        raise BadArguments(
            f"{counts[shared[0]]} items would write {shared[0]}.",
            "Put {stem} or {path} into the output pattern so that each item writes its own file.",
        )
    parts = [path for path in counts if file_of(path) != path and file_of(path) in counts]
    if parts:
        raise BadArguments(
            f"One item would write {parts[0]} and another the whole file {file_of(parts[0])} at the same "
            "time.",
            "Pass sequential=true, or use two batches.",
        )
