"""Names of Claude's tools in plain words. Pages show a tool's own name only on hover."""

from collections.abc import Iterable, Mapping

from server.policy.values import EVERY_TOOL
from server.store.totals import DIGEST_TOOL

CALLS: Mapping[str, str] = {
    "offload_work": "Task",
    "batch_offload": "Batch",
    "compress_context": "Question about files",
    "check_job": "Look at a batch",
    "auto_setup": "First set-up",
    "recommend_model": "Model advice",
    "pull_model": "Model download",
    "preload_model": "Loading a model",
    "unload_model": "Unloading a model",
    "list_loaded_models": "List of models",
    "configure_model_selector": "Choice of models",
    "cost_dashboard": "Savings report",
    "get_metrics": "Metrics",
    DIGEST_TOOL: "Digest of a result",
}
"""The name of one call to each tool."""
_IN_RULES: Mapping[str, str] = {
    "offload_work": "tasks",
    "batch_offload": "batches",
    "compress_context": "reading files for Claude",
    "check_job": "looking at batches",
    "pull_model": "model downloads",
    "preload_model": "loading a model",
    "unload_model": "unloading a model",
    "auto_setup": "the first set-up",
    "configure_model_selector": "the choice of models",
    EVERY_TOOL: "every tool",
}


def call_name(tool: str) -> str:
    """Return the name of a call to the tool: ``Task``. An unknown tool keeps its name."""
    return CALLS.get(tool, tool)


def plain_tools(tools: Iterable[str]) -> str:
    """Return what the tools do, as one text: ``tasks, batches and model downloads``."""
    names = [_IN_RULES.get(tool) or call_name(tool).lower() for tool in tools]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
