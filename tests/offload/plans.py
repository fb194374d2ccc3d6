"""Plans of tasks with files that exist only in memory, for tests of the checks."""

from pathlib import Path

from server.offload.asking.plan import Plan, make_plan
from server.offload.files.workspace import Reading, digest_of
from server.offload.values import Source, Target, Task


def source(name: str, text: str) -> Source:
    """Return a file as the workspace would read it."""
    return Source(Path("/p", name), name, text, digest_of(text.encode()), 0, len(text))


def plan_of(task: str, output: str, *sources: Source) -> Plan:
    """Return the plan of a task that writes ``output``."""
    return make_plan(Task(task, output=output), Reading(sources, Target(Path("/p", output), output)), 4096)
