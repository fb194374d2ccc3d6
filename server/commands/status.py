"""``token-saver status`` and ``dashboard``."""

from typing import Any

from server.commands.client import connect, connect_or_start
from server.commands.output import echo, gib, in_line, print_json
from server.commands.page import open_page
from server.folders import Folders


def show_status(folders: Folders, *, as_json: bool) -> None:
    """Print the snapshot.

    Raises:
        HubUnreachable: no hub runs.
    """
    snapshot = connect(folders).get("/api/status")
    if as_json:
        print_json(snapshot)
        return
    engine = snapshot["engine"]
    echo(f"{snapshot['state']}  {snapshot['url']}  (version {snapshot['version']})")
    echo(f"engine   {in_line(engine['label'] or 'none yet')}")
    if engine["error"]:
        echo(f"problem  {in_line(engine['error'])}")
    for model in engine["loaded"]:
        echo(in_line(f"loaded   {model['name']}  {gib(model['size'])}".rstrip()))
    for offload in snapshot["running"]:
        echo(f"running  {in_line(_running(offload))}")
    echo(f"saved    {_saved(snapshot['saved_today'])} today, {_saved(snapshot['saved_all'])} in all")
    everything = snapshot["saved_all"]
    if everything["by_user"]:
        echo(f"yours    {everything['by_user']:,} of {everything['offloads']:,} calls, net 0: not by Claude")


def open_dashboard(folders: Folders) -> None:
    """Open the dashboard of the hub that runs, or of one started now.

    Raises:
        HubUnreachable: the hub does not start.
    """
    open_page(connect_or_start(folders).post("/api/login")["url"])


def _running(offload: dict[str, Any]) -> str:
    speed = f"{offload['tokens']} tokens, {offload['tokens_per_second']:.1f}/s" if offload["tokens"] else ""
    return "  ".join(part for part in (offload["stage"], offload["task"][:60], speed) if part)


def _saved(totals: dict[str, Any]) -> str:
    return f"{totals['net_tokens']:+,} tokens net"
