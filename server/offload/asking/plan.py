"""The plan for a task: which file to edit and how, or what new text to write."""

import re
from dataclasses import dataclass, replace

from server.common.errors import BadArguments
from server.offload.asking.targets import parts_named
from server.offload.code.languages import PROSE_ENDINGS, Language, language_in, language_of
from server.offload.files.workspace import Reading
from server.offload.values import Source, Target, Task

REWRITTEN_WHOLE = 6_000
"""Maximum size of files that the model rewrites as a whole (characters). Larger files are edited in blocks.
"""
WORTH_NARROWING = 1_200
"""File size above which the model is shown only the named definition to edit (characters)."""


@dataclass(frozen=True)
class Plan:
    """The plan for one task.

    ``kind`` is the name of the prompt template: ``generate``, ``write`` (prose), ``edit_file``,
    ``edit_selection``, ``edit_definitions``, ``edit_blocks``, ``diff``, ``explain`` or ``raw``. ``edited`` is
    the input being edited, with the span to replace. ``target`` is the file to write, or None if the result
    is returned. ``language`` is the language of the result. ``parts`` are the spans of the edited file that
    the model sees and rewrites. ``selections`` are the inputs as the caller selected them.
    """

    kind: str
    task: Task
    sources: tuple[Source, ...]
    target: Target | None = None
    edited: Source | None = None
    language: Language | None = None
    parts: tuple[tuple[int, int], ...] = ()
    selections: tuple[Source, ...] = ()

    @property
    def narrowed(self) -> bool:
        """Return whether the app, not the caller, chose the part of the file to rewrite."""
        return bool(self.parts) and not self.selected

    @property
    def selected(self) -> tuple[tuple[int, int], ...]:
        """Spans of the edited file that the caller selected. The rest must not change."""
        own = [each for each in self.selections if self.edited and each.path == self.edited.path]
        if not all(each.selection for each in own):
            return ()
        return tuple((each.start, each.end) for each in own)

    @property
    def known(self) -> str:
        """All the text the model was given. It did not invent any name that appears here."""
        texts = [source.text for source in self.sources]
        return "\n".join([self.task.task, self.task.context, *self.task.examples, *texts])

    @property
    def in_place(self) -> bool:
        """Whether the result replaces the input it was made from."""
        return bool(self.target and self.edited and self.target.path == self.edited.path)

    @property
    def is_test(self) -> bool:
        """Return whether the result is a test file, judging by the file name."""
        name = self.target.path.stem.lower() if self.target else ""
        return re.search(r"(^|[_.-])(test|tests|spec)($|[_.-])|test$", name) is not None

    @property
    def is_new_python_test(self) -> bool:
        """Return whether the result is a new Python test file, whose tests can be run one by one."""
        python = self.language is not None and self.language.name == "Python"
        return python and self.is_test and self.edited is None

    @property
    def file_name(self) -> str:
        """File name that determines the result's language; empty if there is no file."""
        if self.edited is not None:
            return self.edited.path.name
        return self.target.path.name if self.target else ""


def make_plan(task: Task, reading: Reading, most_output_tokens: int) -> Plan:
    """Return the plan for a task.

    Raises:
        BadArguments: a diff has no file to change, or there is a check but no output.
    """
    target, sources = reading.target, reading.sources
    if task.check and target is None:
        raise BadArguments("`check` needs an output, because it checks the written file.", "Name an output.")
    if task.output_format == "diff":
        return _diff_plan(task, sources, target, most_output_tokens)
    edited = _edited(sources, target)
    if edited is not None and task.output_format != "explanation":
        return _edit_plan(task, sources, edited, target, most_output_tokens)
    language = language_of(target.path.name if target else "", task.language)
    prose = target is not None and target.path.suffix.lower() in PROSE_ENDINGS and language is None
    kind = {"explanation": "explain", "raw": "raw"}.get(task.output_format, "write" if prose else "generate")
    return Plan(kind, task, sources, target, language=language)


def _diff_plan(
    task: Task, sources: tuple[Source, ...], target: Target | None, most_output_tokens: int
) -> Plan:
    if not sources:
        raise BadArguments("A diff needs the files to change.", "Name these files in `files`.")
    if len({source.path for source in sources}) > 1:
        return Plan("diff", task, sources, target)
    plan = _edit_plan(task, sources, _one_part(sources), target, most_output_tokens)
    return replace(plan, target=target)


def _edited(sources: tuple[Source, ...], target: Target | None) -> Source | None:
    """Return the input that is also the output, or None if there is none."""
    same = tuple(source for source in sources if target is not None and source.path == target.path)
    return _one_part(same) if same else None


def _one_part(parts: tuple[Source, ...]) -> Source:
    """Return the selected part of a file, or the whole file if several parts were selected."""
    if len(parts) == 1:
        return parts[0]
    return replace(parts[0], start=0, end=len(parts[0].text), selection="")


def _edit_plan(
    task: Task, sources: tuple[Source, ...], edited: Source, target: Target | None, most_output_tokens: int
) -> Plan:
    language = language_in(edited.path.name, edited.text, task.language)
    others = tuple(source for source in sources if source.path != edited.path)
    own = tuple(source for source in sources if source.path == edited.path)
    parts: tuple[tuple[int, int], ...] = ()
    if len(own) > 1 and not any(source.whole for source in own) and language is not None:
        parts = tuple(sorted({(source.start, source.end) for source in own}))
    elif edited.whole and len(edited.text) > WORTH_NARROWING:
        parts = parts_named(task.task, edited.text, language)
    if len(parts) == 1 and edited.whole:
        start, end = parts[0]
        edited = replace(edited, start=start, end=end)
    small = len(edited.text) <= min(REWRITTEN_WHOLE, 2 * most_output_tokens)
    whole_kind = "edit_definitions" if parts else "edit_file" if small else "edit_blocks"
    kind = whole_kind if edited.whole else "edit_selection"
    return Plan(kind, task, (*others, edited), target, edited, language, parts, sources)
