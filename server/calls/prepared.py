"""A tool call, parsed and resolved just once. The policy judges it, then the tool runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.batch.plan import Planned
from server.common.errors import BadArguments, TokenSaverError
from server.offload.files.workspace import Workspace
from server.offload.values import Caller, Task
from server.policy.values import Call


@dataclass(frozen=True)
class Prepared:
    """One tool call before it runs.

    ``arguments`` are the tool's input. ``workspace`` belongs to the caller and remembers which files each of
    the call's globs matched. ``call`` is the call as the policy judges it, with the files it would touch.
    ``task`` is for ``offload_work``, ``plan`` for ``batch_offload``. ``refusal`` is the error for invalid
    arguments; the tool raises it once the policy has allowed the call.
    """

    tool: str
    arguments: Mapping[str, Any]
    workspace: Workspace
    call: Call
    task: Task | None = None
    plan: Planned | None = None
    refusal: TokenSaverError | None = None

    @property
    def caller(self) -> Caller:
        """The caller, with the arguments as sent."""
        return self.workspace.caller

    def require_valid(self) -> None:
        """Raise the error for invalid arguments, if any.

        Raises:
            TokenSaverError: the arguments are invalid.
        """
        if self.refusal is not None:
            raise self.refusal

    def require_task(self) -> Task:
        """Return the ``offload_work`` task.

        Raises:
            TokenSaverError: the arguments are invalid.
        """
        if self.refusal is not None or self.task is None:
            raise self.refusal or _unparsed(self.tool)
        return self.task

    def require_plan(self) -> Planned:
        """Return the ``batch_offload`` plan.

        Raises:
            TokenSaverError: the arguments are invalid.
        """
        if self.refusal is not None or self.plan is None:
            raise self.refusal or _unparsed(self.tool)
        return self.plan


def _unparsed(tool: str) -> BadArguments:
    return BadArguments(f"{tool} has no task.", "Say what the local model should do.")
