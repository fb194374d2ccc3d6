"""Names of Claude's tools in plain words, for rules and the audit trail."""

from collections.abc import Iterable

from server.policy.values import EVERY_TOOL

PLAIN = {
    "offload_work": "tasks",
    "batch_offload": "batches",
    "compress_context": "reading files for Claude",
    "pull_model": "model downloads",
    "preload_model": "loading a model",
    "unload_model": "unloading a model",
    "auto_setup": "the first set-up",
    "configure_model_selector": "the choice of models",
    EVERY_TOOL: "every tool",
}
"""What each tool does. Other tools keep their name."""


def plain_tools(tools: Iterable[str]) -> str:
    """Return what the tools do, as one text: ``tasks, batches and model downloads``."""
    names = [PLAIN.get(tool, tool) for tool in tools]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
