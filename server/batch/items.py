"""Converts an item's stored arguments to a task, and the task's outcome to the item's result."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from server.offload.files.resolve import PathResolver
from server.offload.files.search_threads import search
from server.offload.files.workspace import Workspace
from server.offload.values import Caller, Outcome, Task
from server.policy.values import Call, Item
from server.store.history import History
from server.store.job_records import ItemRecord, JobRecord
from server.store.job_states import SUCCESSFUL
from server.store.jobs import Jobs


async def task_of(
    job: JobRecord, item: ItemRecord, jobs: Jobs, history: History, returned: Mapping[int, str]
) -> Task | ItemRecord:
    """Return the item's task. In a sequential job, the task includes the result of the previous task.

    A file written by the previous task becomes an input. Text it returned becomes context; the text comes
    from ``returned``, by position, or from the history. If a result is missing, the item is returned as
    failed.
    """
    task = Task.from_arguments(item.arguments, tool="batch_offload")
    before = await _before(job, item, jobs)
    if before is None:
        return task
    if before.state not in SUCCESSFUL:
        return _blocked(item, f"({before.position}) has no result: {before.code or before.state}.")
    output = before.arguments.get("output")
    if before.state == "delivered" and output:
        return task if output in task.files else replace(task, files=(str(output), *task.files))
    answer = returned.get(before.position) or await _answer(before, history)
    if not answer:
        return _blocked(item, f"({before.position}) returned text that the history did not keep.")
    result = f"Result of the task before ({before.arguments['task']}):\n{answer}"
    return replace(task, context=f"{task.context}\n\n{result}".strip())


def outcome_to_item(item: ItemRecord, outcome: Outcome, *, contents: bool) -> ItemRecord:
    """Return the item with its result. Without ``contents``, returned text is not kept."""
    generations = [attempt.generation for attempt in outcome.attempts]
    return replace(
        item,
        state=outcome.name,
        offload_id=outcome.offload_id,
        code=outcome.code or outcome.name,
        summary=outcome.text[:400] if contents or outcome.name != "returned" else "",
        tokens=sum(each.prompt_tokens + each.completion_tokens for each in generations),
        net_tokens=outcome.net_tokens,
        seconds=sum(each.load_seconds + each.prompt_seconds + each.generate_seconds for each in generations),
    )


def _blocked(item: ItemRecord, why: str) -> ItemRecord:
    summary = f"The task before it {why}"
    return replace(item, state="failed", offload_id=None, code="previous_failed", summary=summary)


async def _answer(item: ItemRecord, history: History) -> str:
    detail = await history.get(item.offload_id) if item.offload_id else None
    return detail.attempts[-1].answer if detail is not None and detail.attempts else ""


async def _before(job: JobRecord, item: ItemRecord, jobs: Jobs) -> ItemRecord | None:
    if not job.sequential or item.position == 0:
        return None
    return await jobs.item(job.id, item.position - 1)


async def judged_item(job: JobRecord, item: ItemRecord, workspace: Workspace) -> tuple[Call, Item]:
    """Return the call that started the job, and the item, as the policy judges them: by the current targets
    of the item's paths.
    """
    call = Call("batch_offload", client=job.client, session=job.session, project=job.project)
    return call, await search(workspace, _resolved, item.arguments)


def _resolved(workspace: Workspace, arguments: Mapping[str, Any]) -> Item:
    return PathResolver(workspace).item(arguments)


def caller_of(job: JobRecord) -> Caller:
    """Return the caller that submitted the job."""
    return Caller(
        client=job.client,
        session=job.session,
        project=Path(job.project) if job.project else None,
        roots=tuple(Path(root) for root in job.roots),
        tool_use_id=job.tool_use_id,
    )
