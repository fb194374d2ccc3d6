"""Files that an undo via ``check_job`` would restore. To the policy, an undo is a write to these files."""

from dataclasses import replace

from server.calls.affected_files import MOST_PATHS, AffectedFiles
from server.calls.prepare import policy_call
from server.calls.prepared import Prepared
from server.common.errors import TokenSaverError
from server.hub import Hub
from server.policy.values import Item
from server.store.job_ids import find_job_id, is_job_id


async def with_undone_files(hub: Hub, prepared: Prepared) -> Prepared:
    """Add the files that an undo would restore to the call. Other calls are returned unchanged.

    Undoing a file that the caller may not write is refused.
    """
    if prepared.tool != "check_job" or prepared.arguments.get("action") != "undo":
        return prepared
    refusal = prepared.refusal
    workspace = prepared.workspace
    written: tuple[str, ...] = ()
    try:
        paths = await _paths(hub, str(prepared.arguments.get("job") or ""))
        written = tuple(dict.fromkeys(workspace.shown(workspace.confine_to_write(path)) for path in paths))
    except TokenSaverError as error:
        refusal = refusal or error
    affected = AffectedFiles(
        files=len(written),
        paths=written[:MOST_PATHS],
        outputs=written,
        items=tuple(Item({"output": name}, {"output": name}) for name in written),
        read_as=(dict(prepared.arguments),),
    )
    call = policy_call(hub.settings, prepared.caller, prepared.tool, prepared.arguments, affected)
    return replace(prepared, call=call, refusal=refusal)


async def _paths(hub: Hub, given: str) -> tuple[str, ...]:
    if is_job_id(given):
        job_id = await find_job_id(hub.history.database, given)
        return tuple(path for _, path in await hub.history.undoable(job_id))
    detail = await hub.history.find(given)
    return (detail.undo.path,) if detail.undo is not None else ()
