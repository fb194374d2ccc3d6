"""``token-saver offload --dry-run``: an offload's files and the policy's decision, without the offload."""

from typing import Any

from server.commands.policy.rules import TriedCall, try_values
from server.commands.terminal.output import echo, print_json
from server.offload.files.workspace import expand, split_selection

REFUSED = 1
"""Exit status if the policy or the rules for paths would refuse the offload."""


def print_dry_run(arguments: dict[str, Any], *, as_json: bool) -> int:
    """Print the offload's files and the policy's decision, and return the exit status. No model is asked.

    Raises:
        TokenSaverError: the arguments are invalid, or a file cannot be read or written.
    """
    tried = try_values("offload_work", {name: value for name, value in arguments.items() if value})
    output = tried.prepared.require_task().output or ""
    denied = tried.decision.verdict == "deny"
    reads = [] if denied else _read_files(tried)
    if as_json:
        print_json({"reads": reads, "writes": output, **tried.as_json()})
        return REFUSED if denied else 0
    if not denied:
        echo(f"reads   {', '.join(reads) or 'nothing'}")
        echo(f"writes  {_written(tried, output) if output else 'nothing; the answer is printed'}")
    echo(f"policy  {tried.decision.verdict}: {tried.decision.reason}")
    echo("Nothing was run.")
    return REFUSED if denied else 0


def _read_files(tried: TriedCall) -> list[str]:
    prepared = tried.prepared
    return [name for given in prepared.require_task().files for name in expand(prepared.workspace, given)]


def _written(tried: TriedCall, output: str) -> str:
    workspace = tried.prepared.workspace
    path, part = split_selection(workspace, output)
    what = f"only {part}" if part else "the whole file"
    exists = workspace.confine_to_write(path).exists()
    return f"{path} ({f'it exists; {what} changes' if exists else 'a new file'})"
