"""An error tells an agent and a person each their own next step."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.common.errors import BadArguments, Denied, Limited, Paused
from server.config.folders import find_folders
from server.config.sections import BackendSettings
from server.config.settings import Settings
from server.offload.run.reply import handed_back
from server.offload.values import Attempt, Caller, Check, Generation, Prompt, Verdict
from server.policy.values import Call
from server.store.records import SHELL, SHELL_SESSION, OffloadFilter
from tests.hub_in_process import running_hub

YOURSELF = "yourself"


@pytest.mark.parametrize("for_agent", [True, False], ids=["agent", "person"])
def test_one_step_is_for_both(for_agent: bool) -> None:
    error = BadArguments("wait is 9.", "Wait again afterwards.")
    assert error.text(for_agent=for_agent) == "bad_arguments: wait is 9. Wait again afterwards."


def test_each_audience_has_its_own_step() -> None:
    error = Limited("Used up.", "Try again later.", "Try again later, or do the task yourself.")
    assert error.text(for_agent=True) == "limited: Used up. Try again later, or do the task yourself."
    assert str(error) == "limited: Used up. Try again later."


def test_a_hand_back_to_the_user_gives_no_order() -> None:
    failure = Check("syntax", False, "line 1: invalid syntax", "syntax_error")
    prompt = Prompt("new", (), 4096, 100, 10, True)
    attempts = (Attempt(1, prompt, Generation("def", "", "stop", 1, 1), Verdict((failure,))),)
    assert YOURSELF in handed_back("af69c1d2", failure, attempts)
    told = handed_back("af69c1d2", failure, attempts, by_user=True)
    assert told.endswith(
        "line 1: invalid syntax. Nothing was written (1 try, kept: `token-saver history af69c1d2`)."
    )


@pytest.mark.anyio
async def test_the_outcome_of_a_refused_offload_speaks_to_its_caller(tmp_path: Path) -> None:
    backend = BackendSettings(kind="ollama", url="http://127.0.0.1:9")
    agent = Caller("claude-code", "s", tmp_path, (tmp_path,))
    user = replace(agent, client=SHELL, session=f"{SHELL_SESSION}1")
    async with running_hub(Settings(backend=backend)) as hub:
        hub.pause()
        with pytest.raises(Paused) as paused:
            hub.check_paused()
        for caller in (agent, user):
            await hub.offloader.refused("offload_work", caller, paused.value)
        of_user, of_agent = await hub.history.page(OffloadFilter())
    assert of_agent.summary.endswith("Do this task yourself, or ask the user.")
    assert of_user.summary.endswith("Resume offloading in the tray's menu or on the dashboard.")


@pytest.mark.anyio
async def test_a_denial_tells_the_agent_to_work_and_the_person_where_the_rule_is(tmp_path: Path) -> None:
    settings = Settings(backend=BackendSettings(kind="ollama", url="http://127.0.0.1:9"))
    folders = find_folders()
    folders.create()
    folders.policy_file.write_text("not: [a policy")
    async with running_hub(settings) as hub:
        with pytest.raises(Denied) as denied:
            async with hub.gate.enter(Call("offload_work")):
                pass
    assert YOURSELF in denied.value.agent_step
    assert denied.value.next_step.startswith("`token-saver policy check` ")
