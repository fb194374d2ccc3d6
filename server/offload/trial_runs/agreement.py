"""Agreement of samples on new code without examples: inputs that the model proposes, and their comparison."""

import ast
from collections.abc import Iterator, Sequence

from server.execution.inputs import probe_calls
from server.offload.asking.plan import Plan
from server.offload.asking.prompt import build_inputs
from server.offload.trial_runs.new_code import Definition, definitions_of
from server.offload.values import Prompt

INPUT_TOKENS = 400
"""Length limit of the answer that proposes inputs: some ten calls."""


def inputs_prompt(plan: Plan, first: Prompt, text: str, names: Sequence[str]) -> Prompt:
    """Return the prompt that asks for calls of the new functions."""
    heads = "\n".join(_heads(text, names))
    messages = build_inputs(plan, heads)
    return Prompt("inputs", messages, first.num_ctx, min(INPUT_TOKENS, first.max_tokens), 0, counted=False)


def probes(plan: Plan, names: Sequence[str], proposed: str) -> list[str]:
    """Return the calls on which samples are compared: calls from the task, calls from the model, and
    variations.
    """
    lines = [line.strip().rstrip(",;") for line in proposed.splitlines()]
    text = f"{plan.task.task}\n{plan.task.context}"
    return probe_calls(text, names, [line.partition(" == ")[0] for line in lines if "(" in line])


def _heads(text: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the first line of each function, and of each class with its methods."""
    for name, node in definitions_of(text).items():
        if name in names:
            yield _head(node)
            if isinstance(node, ast.ClassDef):
                inner = [
                    each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                ]
                yield from (f"    {_head(each)}" for each in inner)


def _head(node: Definition) -> str:
    return ast.unparse(node).split(":\n", 1)[0].splitlines()[-1] + ":"
