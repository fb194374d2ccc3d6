"""Agreement between samples of new code without examples: the inputs the model proposes, and their
comparison.
"""

from collections.abc import Sequence

from server.execution.runtime import Runtime
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import build_inputs
from server.offload.values import Prompt

INPUT_TOKENS = 400
"""Token limit for the answer that proposes inputs: enough for about ten calls."""
FEW_PROBES = 6
"""Number of calls below which generated ones are added."""


def inputs_prompt(runtime: Runtime, plan: Plan, first: Prompt, text: str, names: Sequence[str]) -> Prompt:
    """Return the prompt that asks for calls to the new functions."""
    messages = build_inputs(plan, "\n".join(runtime.heads(text, names)), runtime.fence)
    return Prompt("inputs", messages, first.num_ctx, min(INPUT_TOKENS, first.max_tokens), 0, counted=False)


def probes(runtime: Runtime, plan: Plan, names: Sequence[str], proposed: str, source: str) -> list[str]:
    """Return the calls used to compare samples: those from the model and the task, and variations.

    A small model may wrap its calls in other code, so they are looked for everywhere in its answer. If they
    are few, calls with generated arguments are added; ``source`` is the first sample.
    """
    lines = [line.strip().rstrip(",;") for line in proposed.splitlines()]
    known = [line for line in lines if line and not line.startswith(("```", "#", "//"))]
    calls = runtime.probe_calls(f"{plan.task.task}\n{plan.task.context}\n{proposed}", names, known)
    if len(calls) < FEW_PROBES:
        calls += [each for each in runtime.generated_calls(source, names) if each not in calls]
    return calls
