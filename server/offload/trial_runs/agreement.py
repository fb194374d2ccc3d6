"""Agreement of samples on new code without examples: inputs that the model proposes, and their comparison."""

from collections.abc import Sequence

from server.execution.runtime import Runtime
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import build_inputs
from server.offload.values import Prompt

INPUT_TOKENS = 400
"""Length limit of the answer that proposes inputs: some ten calls."""


def inputs_prompt(runtime: Runtime, plan: Plan, first: Prompt, text: str, names: Sequence[str]) -> Prompt:
    """Return the prompt that asks for calls of the new functions."""
    messages = build_inputs(plan, "\n".join(runtime.heads(text, names)), runtime.fence)
    return Prompt("inputs", messages, first.num_ctx, min(INPUT_TOKENS, first.max_tokens), 0, counted=False)


def probes(runtime: Runtime, plan: Plan, names: Sequence[str], proposed: str) -> list[str]:
    """Return the calls on which samples are compared: calls from the task, calls from the model, and
    variations.
    """
    lines = [line.strip().rstrip(",;") for line in proposed.splitlines()]
    known = [line for line in lines if line and not line.startswith(("```", "#", "//"))]
    return runtime.probe_calls(f"{plan.task.task}\n{plan.task.context}", names, known)
