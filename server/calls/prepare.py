"""Turns a tool's arguments into a ``Prepared`` call: parses arguments, expands globs and plans batches, just
once.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.batch.inputs import confine_outputs, expand_inputs
from server.batch.plan import Planned, plan_each, plan_tasks, require_few_names, run_in_parallel
from server.calls.affected_files import AffectedFiles, affected_by, texts
from server.calls.prepared import Prepared
from server.common.errors import BadArguments, TokenSaverError
from server.config.settings import Settings
from server.digests.compress.sources import project_of
from server.digests.kept import KeptTexts, reference_of
from server.offload.files.search_threads import search
from server.offload.files.workspace import MOST_FILES, Workspace, split_selection
from server.offload.values import Caller, Task
from server.policy.files.executed import executed_outputs
from server.policy.files.protected_files import patterns_of, protected_outputs
from server.policy.values import Call

SHARED = ("files", "context", "model", "check")
"""``batch_offload`` arguments that apply to every item."""


async def prepare(
    settings: Settings,
    workspace: Workspace,
    tool: str,
    arguments: Mapping[str, Any],
    kept: KeptTexts | None = None,
) -> Prepared:
    """Prepare the workspace caller's call to ``tool``. Errors are not raised; see ``Prepared.refusal``.

    With ``kept``, the policy sees the original file of a kept text instead of its handle.
    """
    return await search(workspace, _prepare, settings, tool, arguments, kept)


@dataclass
class _Parsed:
    """Arguments parsed so far, up to the first error."""

    inputs: tuple[str, ...] = ()
    task: Task | None = None
    plan: Planned | None = None


def _prepare(
    workspace: Workspace,
    settings: Settings,
    tool: str,
    arguments: Mapping[str, Any],
    kept: KeptTexts | None,
) -> Prepared:
    parsed = _Parsed()
    refusal: TokenSaverError | None = None
    try:
        _parse(parsed, settings, workspace, tool, arguments)
    except TokenSaverError as error:
        refusal = error
    except (
        TypeError,
        ValueError,
    ) as error:  # a value of another type, which the tool's schema refuses as well
        refusal = BadArguments(f"{tool}: {error}.", "Correct the argument and call again.")
    batch = tool == "batch_offload"
    seen = _bounded(arguments)
    if kept is not None and texts(seen.get("files")):
        seen = {**seen, "files": [_source_of(name, workspace, kept) for name in texts(seen.get("files"))]}
    affected = affected_by(workspace, seen, parsed.inputs, parsed.plan, batch=batch)
    return Prepared(
        tool=tool,
        arguments=arguments,
        workspace=workspace,
        call=policy_call(settings, workspace.caller, tool, arguments, affected),
        task=parsed.task,
        plan=parsed.plan,
        refusal=refusal,
    )


def _parse(
    parsed: _Parsed, settings: Settings, workspace: Workspace, tool: str, arguments: Mapping[str, Any]
) -> None:
    """Parse the arguments into ``parsed``.

    Raises:
        TokenSaverError, TypeError, ValueError: the arguments are invalid.
    """
    require_few_names(arguments)
    if tool == "offload_work":
        parsed.task = Task.from_arguments(arguments)
    elif tool == "batch_offload":
        _plan(parsed, settings, workspace, arguments)


def _plan(parsed: _Parsed, settings: Settings, workspace: Workspace, arguments: Mapping[str, Any]) -> None:
    """Plan a batch. Errors that arise only because tasks run in parallel are reported last, so that the
    policy still sees the files of these tasks.
    """
    tasks, each = arguments.get("tasks"), texts(arguments.get("each"))
    if tasks:
        parsed.plan = plan_tasks(tasks, sequential=True)
    else:
        if len(each) > settings.batch.max_items:
            raise BadArguments(
                f"`each` names {len(each):,} files; a batch takes at most {settings.batch.max_items:,}.",
                "Narrow the list, or raise [batch] max_items.",
            )
        parsed.inputs = expand_inputs(workspace, each)
        shared = {key: value for key in SHARED if (value := arguments.get(key))}
        task, output = str(arguments.get("task") or ""), str(arguments.get("output") or "")
        if each:
            parsed.plan = plan_each(
                task,
                parsed.inputs,
                output,
                shared,
                settings.batch.max_items,
                file_of=lambda given: split_selection(workspace, given)[0].replace(os.sep, "/"),
            )
    if parsed.plan is None or (tasks and each):
        raise BadArguments(
            "batch_offload takes either `tasks` or `each`.",
            'Pass tasks=[…], or `task` with each=["src/**/*.py"] and output="{path}".',
        )
    if tasks and arguments.get("sequential") is not True:
        parsed.plan = run_in_parallel(parsed.plan)
    confine_outputs(workspace, parsed.plan)


def _bounded(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments, without their files if there are too many. Such a call is refused and touches no
    files.
    """
    files = arguments.get("files")
    if not isinstance(files, list) or len(files) <= MOST_FILES:
        return arguments
    return {**arguments, "files": []}


def _source_of(name: str, workspace: Workspace, kept: KeptTexts) -> str:
    """Return the original file of kept text. Other names, and text from commands, stay unchanged."""
    try:
        reference = reference_of(name)
        project = project_of(workspace)
        found = kept.find(reference.handle, project) if reference and project else None
    except TokenSaverError:  # the tool reports this error
        return name
    return found.source if found and found.source else name


def policy_call(
    settings: Settings, caller: Caller, tool: str, arguments: Mapping[str, Any], affected: AffectedFiles
) -> Call:
    """Return a call as the policy judges it, including the files it would touch."""
    protected = protected_outputs(affected.outputs, settings.paths.protect)
    others = (output for output in affected.outputs if output not in protected)
    executed, executed_as = executed_outputs(
        others, caller.project, settings.paths.allow, checks=bool(settings.checks)
    )
    return Call(
        tool=tool,
        arguments=arguments,
        client=caller.client,
        session=caller.session,
        project=str(caller.project or ""),
        files=affected.files,
        paths=affected.paths,
        items=affected.items,
        read_as=affected.read_as,
        protected=protected,
        protected_by=patterns_of(protected, settings.paths.protect),
        executed=executed,
        executed_as=executed_as,
    )
