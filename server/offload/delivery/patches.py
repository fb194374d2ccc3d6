"""Results as unified diffs across one or more files. Nothing is written to disk."""

from dataclasses import replace

from server.common.errors import FileChanged
from server.offload.answers.edits import EditBlock, EditFailed, apply, locate, parse_blocks
from server.offload.asking.plan import Plan
from server.offload.checks import codes
from server.offload.checks.run import check_edit
from server.offload.code.languages import language_of
from server.offload.delivery import atomic
from server.offload.delivery.change import unified_diff
from server.offload.files.textfile import apply_edits, raw_text
from server.offload.files.workspace import digest_of
from server.offload.values import Check, Edit, Notice, Source, Verdict


def as_diff(plan: Plan, verdict: Verdict) -> Verdict:
    """Return the verdict with a unified diff as its text, if the task asks for one and all checks passed."""
    if plan.task.output_format != "diff" or plan.in_place or not verdict.passed:
        return verdict
    if plan.edited is not None:
        return replace(verdict, text=diff_of(plan.edited, verdict.edits), edits=())
    try:
        changes = _edits_by_file(plan.sources, parse_blocks(verdict.text))
    except EditFailed as error:
        failed = Check("applies", passed=False, message=str(error), code=codes.EDIT_NOT_FOUND)
        return replace(verdict, checks=(*verdict.checks, failed))
    checks = [*verdict.checks, Check("applies", passed=True)]
    notices: list[Notice] = []
    unchecked: list[str] = []
    for source, edits in changes:
        language = language_of(source.path.name, plan.task.language)
        one = replace(plan, kind="edit_blocks", edited=source, language=language)
        for found in check_edit(one, source, apply(source.text, edits), edits):
            if isinstance(found, Notice):
                notices.append(replace(found, text=f"{source.shown}: {found.text}"))
            elif isinstance(found, str):
                unchecked.append(found)
            elif found is not None and not found.passed:
                failed = replace(found, message=f"{source.shown}: {found.message}")
                return replace(verdict, checks=(*checks, failed))
            elif found is not None and found.name not in {each.name for each in checks}:
                checks.append(found)
    return replace(
        verdict,
        checks=tuple(checks),
        text="".join(diff_of(source, edits) for source, edits in changes),
        edits=(),
        notices=tuple(notices),
        unchecked=tuple(dict.fromkeys(unchecked)),
    )


def diff_of(source: Source, edits: tuple[Edit, ...]) -> str:
    """Return the diff for one file, using the file's line endings.

    Raises:
        FileChanged: the file changed after it was read.
    """
    try:
        before = atomic.read(source.path)
    except OSError:
        before = None
    if before is None or digest_of(before) != source.digest:
        raise FileChanged(f"{source.shown} changed while the model worked.", "Call again.")
    after = apply_edits(before, edits, source.shown)
    return unified_diff(raw_text(before, source.shown), raw_text(after, source.shown), source.shown)


def _edits_by_file(
    sources: tuple[Source, ...], blocks: tuple[EditBlock, ...]
) -> list[tuple[Source, tuple[Edit, ...]]]:
    found: dict[str, list[EditBlock]] = {}
    known = {source.shown: source for source in sources}
    for number, block in enumerate(blocks, start=1):
        if block.path not in known:
            raise EditFailed(
                f"Edit {number} does not name any given file; begin it with FILE: and one of "
                f"{', '.join(known)}."
            )
        found.setdefault(block.path, []).append(block)
    return [(known[path], locate(known[path].text, tuple(own), path)) for path, own in found.items()]
