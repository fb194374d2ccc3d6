"""Whether a call can win at all: asked before anything runs, with the ledger's own model."""

from collections.abc import Sequence
from typing import Any

from server.common.errors import WouldLose
from server.ledger.receipt import Ledger
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import estimate_tokens
from server.offload.values import Compression, Task

CHEAP_CALL = 500
"""Tokens of arguments up to which no call is refused: it can lose only a trifle."""

WELL_ABOVE = 1.5
"""How much longer than its digest may be a text has to be: the call itself costs some 100 tokens."""

READ_AT_A_GLANCE = 5_000
"""Characters beyond which a text is worth a digest, if a shorter one than was asked for."""


def arguments_of(task: Task) -> dict[str, Any]:
    """Return the arguments of the call, as Claude wrote them: those that are not empty."""
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
    }
    return {name: value for name, value in given.items() if value}


def arguments_of_compression(wanted: Compression) -> dict[str, Any]:
    """Return the arguments of a compression, as Claude wrote them."""
    given: dict[str, Any] = {
        "files": list(wanted.files),
        "content": wanted.content,
        "focus": wanted.focus,
        "max_length": wanted.max_length,
        "model": wanted.model,
    }
    return {name: value for name, value in given.items() if value}


def require_profitable_compression(wanted: Compression, ledger: Ledger) -> None:
    """Return if the text to condense is in files: Claude has read, and now written, all it passes inline.

    Raises:
        WouldLose: it is passed inline and long.
    """
    receipt = ledger.estimate(wanted.tool, arguments_of_compression(wanted), ())
    if wanted.content and receipt.cost_output > CHEAP_CALL:
        raise WouldLose(
            f"Passing the text itself costs about {receipt.cost_output:,} output tokens and spares none.",
            "Save it to a file (or name the file that it is from) and pass the path in `files`.",
        )


def require_long_enough(wanted: Compression, inputs: Sequence[str]) -> None:
    """Return if what the files spare is well more than a digest may take.

    Raises:
        WouldLose: it is not.
    """
    length = sum(map(len, inputs))
    if wanted.files and length <= wanted.max_length * WELL_ABOVE:
        files, them = ("the file's", "it") if len(inputs) == 1 else ("the files'", "them")
        shorter = ", or pass a smaller max_length" if length > READ_AT_A_GLANCE else ""
        raise WouldLose(
            f"A digest of up to {wanted.max_length:,} characters spares nothing of {files} {length:,}.",
            f"Short: read {them} yourself{shorter}.",
        )


def require_profit(plan: Plan, ledger: Ledger, most_output_tokens: int) -> None:
    """Return if the call can spare more than it costs, or costs little.

    Raises:
        WouldLose: it cannot; the next step is the form that would win.
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
        f"The call's own text costs about {receipt.cost_output:,} output tokens, more than it can spare.",
        "Put the material into a file and pass its path in `files`"
        + ("." if task.output else ", and name an `output` for the result."),
    )


def _most_written(plan: Plan, most_output_tokens: int) -> int:
    """Return the most tokens that the result can spare Claude to write."""
    if plan.target is None:
        return 0
    if plan.edited is not None:
        return 2 * estimate_tokens(plan.edited.selected)
    return most_output_tokens
