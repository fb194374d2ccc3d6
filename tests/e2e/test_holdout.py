"""Test of a held-out session with the real Claude Code CLI: nothing of the app reaches Claude."""

import asyncio
import json
from pathlib import Path

import pytest

from server.store.history import History
from server.store.transcript_checks import read_arms
from tests.bridge_client import BRIDGE
from tests.hub_process import start_hub
from tests.standins.claude_code import run_claude_code
from tests.standins.messages import MessagesStandIn, Text


@pytest.mark.parametrize(("share", "silent"), [("0.999999", True), ("0.000001", False)], ids=["out", "in"])
def test_a_held_out_session_sees_nothing_of_the_app(tmp_path: Path, share: str, *, silent: bool) -> None:
    project = tmp_path / "project"
    project.mkdir()
    command, *arguments = BRIDGE
    with (
        start_hub(tmp_path / "hub", TOKEN_SAVER_SAVINGS__HOLDOUT=share) as hub,
        MessagesStandIn([[Text("Hello.")]]) as api,
    ):
        environ = {"TOKEN_SAVER_HOME": hub.environ["TOKEN_SAVER_HOME"]}
        run = run_claude_code(
            "Say hello.",
            api.url,
            home=tmp_path / "claude",
            project=project,
            servers={"token-saver": {"command": command, "args": arguments, "env": environ}},
        )
    asked = json.dumps(next(each for each in api.requests if each.get("tools")))
    assert ("mcp__token-saver" in asked) is not silent
    assert ("Hands routine work to a local model" in asked) is not silent

    async def arms() -> dict[str, bool]:
        history = await History.open(tmp_path / "hub" / "history.db", owner=False)
        found = await history.database.read(read_arms)
        await history.close()
        return dict(found)

    assert asyncio.run(arms()) == {run.result["session_id"]: silent}
