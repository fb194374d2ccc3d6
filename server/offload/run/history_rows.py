"""Builds history rows from an offload's values."""

from server.offload.values import Attempt, Delivery, Source
from server.store.records import AttemptRecord, CheckRecord, FileRecord


def attempt_record(attempt: Attempt) -> AttemptRecord:
    """Return the row for one attempt."""
    prompt, generation = attempt.prompt, attempt.generation
    return AttemptRecord(
        number=attempt.number,
        kind=prompt.kind,
        prompt=tuple({"role": each.role, "content": each.content} for each in prompt.messages),
        answer=generation.text,
        thinking=generation.thinking,
        finish_reason=generation.finish_reason,
        prompt_tokens=generation.prompt_tokens,
        completion_tokens=generation.completion_tokens,
        checks=tuple(CheckRecord(each.name, each.passed, each.message) for each in attempt.verdict.checks),
        timings={stage: round(seconds, 3) for stage, seconds in attempt.timings.items()},
    )


def file_records(sources: tuple[Source, ...], delivery: Delivery | None) -> tuple[FileRecord, ...]:
    """Return the rows for the input and output files."""
    inputs = [
        FileRecord(each.shown, "input", each.digest, len(each.text.encode()), each.selection)
        for each in sources
    ]
    if delivery is None:
        return tuple(inputs)
    size = delivery.path.stat().st_size if delivery.path.is_file() else 0
    return (*inputs, FileRecord(delivery.shown, "output", delivery.after_digest, size))
