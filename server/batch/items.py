"""From an item's stored arguments to a task, and from its outcome back to the item."""

from dataclasses import replace

from server.models.catalogue import CATEGORIES
from server.offload.values import OUTPUT_FORMATS, Outcome, OutputFormat, Task
from server.policy.values import Call
from server.store.history import History
from server.store.job_records import DONE_WELL, ItemRecord, JobRecord
from server.store.jobs import Jobs


async def task_of(job: JobRecord, item: ItemRecord, jobs: Jobs, history: History) -> Task:
    """Return the item's task; in a sequential job with the result of the one before.

    A file that the one before wrote becomes an input; a text that it returned becomes context.
    """
    task = _from_arguments(item)
    before = await _before(job, item, jobs)
    if before is None or before.offload_id is None:
        return task
    output = before.arguments.get("output")
    if before.state == "delivered" and output:
        return task if output in task.files else replace(task, files=(str(output), *task.files))
    detail = await history.get(before.offload_id)
    if detail is None or not detail.attempts:
        return task
    result = f"Result of the task before ({before.arguments['task']}):\n{detail.attempts[-1].answer}"
    return replace(task, context=f"{task.context}\n\n{result}".strip())


async def blocked(job: JobRecord, item: ItemRecord, jobs: Jobs) -> ItemRecord | None:
    """Return the item as failed where it needs a result that the one before does not have."""
    before = await _before(job, item, jobs)
    if before is None or before.state in DONE_WELL:
        return None
    summary = f"The task before it ({before.position}) gave no result: {before.code or before.state}."
    return replace(item, state="failed", offload_id=None, code="previous_failed", summary=summary)


def outcome_to_item(item: ItemRecord, outcome: Outcome) -> ItemRecord:
    """Return the item as it ended."""
    generations = [attempt.generation for attempt in outcome.attempts]
    return replace(
        item,
        state=outcome.name,
        offload_id=outcome.offload_id,
        code=outcome.code or outcome.name,
        summary=outcome.text[:400],
        tokens=sum(each.prompt_tokens + each.completion_tokens for each in generations),
        net_tokens=outcome.net_tokens,
        seconds=sum(each.load_seconds + each.prompt_seconds + each.generate_seconds for each in generations),
    )


async def _before(job: JobRecord, item: ItemRecord, jobs: Jobs) -> ItemRecord | None:
    if not job.sequential or item.position == 0:
        return None
    return await jobs.item(job.id, item.position - 1)


def _from_arguments(item: ItemRecord) -> Task:
    given = item.arguments
    wanted = given.get("output_format") or "code"
    output_format: OutputFormat = wanted if wanted in OUTPUT_FORMATS else "code"
    return Task(
        task=str(given["task"]),
        files=tuple(str(path) for path in given.get("files") or ()),
        output=given.get("output") or None,
        context=str(given.get("context") or ""),
        language=str(given.get("language") or ""),
        output_format=output_format,
        model=given.get("model") or None,
        category=next((each for each in CATEGORIES if each == given.get("category")), ""),
        check=given.get("check") or None,
        tool="batch_offload",
    )


def call_of(job: JobRecord) -> Call:
    """Return the call that a job came from, as far as the rules still ask for it."""
    return Call("batch_offload", client=job.client, session=job.session, project=job.project)
