"""Checks, before the model runs, whether a call can save tokens according to the ledger's own estimate."""

from collections.abc import Sequence
from typing import Any

from server.common.errors import WouldLose
from server.ledger.receipt import Ledger
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import estimate_tokens
from server.offload.values import Compression, Task

CHEAP_CALL = 500
"""Calls with at most this many argument tokens are never refused, because any loss would be negligible."""

WELL_ABOVE = 1.5
"""Minimum ratio of text length to digest length. The call itself costs about 100 tokens."""

READ_AT_A_GLANCE = 5_000
"""Text length, in characters, above which a shorter digest is worthwhile if the text is too short for the
requested one.
"""


def arguments_of(task: Task) -> dict[str, Any]:
    """Return the call's non-empty arguments, as Claude wrote them."""
    given: dict[str, Any] = {
        "task": task.task,
        "files": list(task.files),
        "output": task.output,
        "context": task.context,
        "language": task.language,
        "output_format": "" if task.output_format == "code" else task.output_format,
        "model": task.model,
        "category": task.category,
        "check": task.check,
        "examples": list(task.examples),
    }
    return {name: value for name, value in given.items() if value}


def arguments_of_compression(wanted: Compression) -> dict[str, Any]:
    """Return a compression's arguments, as Claude wrote them."""
    given: dict[str, Any] = {
        "files": list(wanted.files),
        "content": wanted.content,
        "focus": wanted.focus,
        "max_length": wanted.max_length,
        "model": wanted.model,
    }
    return {name: value for name, value in given.items() if value}


def require_profitable_compression(wanted: Compression, ledger: Ledger) -> None:
    """Require the text to be condensed to be in files. Claude has already read and written any inline text.

    Raises:
        WouldLose: the text is long and passed inline.
    """
    receipt = ledger.estimate(wanted.tool, arguments_of_compression(wanted), ())
    if wanted.content and receipt.cost_output > CHEAP_CALL:
        raise WouldLose(
            f"Passing the text inline costs about {receipt.cost_output:,} output tokens and saves none.",
            "Save the text to a file (or name its original file) and pass the path in `files`.",
        )


def require_long_enough(wanted: Compression, sizes: Sequence[int]) -> None:
    """Require files of these sizes to be much longer than their digest.

    Raises:
        WouldLose: the files are too short.
    """
    length = sum(sizes)
    if sizes and wanted.files and length <= wanted.max_length * WELL_ABOVE:
        files, them = ("file has", "it") if len(sizes) == 1 else ("files have", "them")
        shorter = ", or pass a smaller max_length" if length > READ_AT_A_GLANCE else ""
        raise WouldLose(
            f"The {files} {length:,} characters; a digest of up to {wanted.max_length:,} saves nothing.",
            f"Read {them} yourself{shorter}: the text is short.",
        )


def require_profit(plan: Plan, ledger: Ledger, most_output_tokens: int) -> None:
    """Require that the call either can save more than it costs or costs little.

    Raises:
        WouldLose: the call would lose tokens. The next step suggests a call that would save tokens.
    """
    task = plan.task
    arguments = arguments_of(task)
    if ledger.cost_of_call(arguments) <= CHEAP_CALL:
        return
    inputs = [source.selected for source in plan.sources]
    receipt = ledger.estimate(
        task.tool, arguments, inputs, written_tokens=_most_written(plan, most_output_tokens)
    )
    if receipt.net_microusd >= 0:
        return
    raise WouldLose(
        f"The call's own text costs about {receipt.cost_output:,} output tokens, more than it can save.",
        "Put the material into a file and pass its path in `files`"
        + ("." if task.output else ", and name an `output` for the result."),
    )


def _most_written(plan: Plan, most_output_tokens: int) -> int:
    """Return the maximum number of output tokens the result can save Claude."""
    if plan.target is None:
        return 0
    if plan.edited is not None:
        return 2 * estimate_tokens(plan.edited.selected)
    return most_output_tokens
