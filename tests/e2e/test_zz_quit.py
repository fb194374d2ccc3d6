import asyncio, json, sqlite3, sys
from pathlib import Path
import pytest
from tests.hub_process import start_hub
from tests.mcp_clients import bridge_client, http_client
from tests.standins.answers import Answer
from tests.standins.ollama import OllamaStandIn

@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_quit(tmp_path, ollama_standin, mode):
    project = tmp_path/"project"; project.mkdir()
    for i in range(4): (project/f"m{i}.py").write_text(f"def f{i}():\n    return {i}\n")
    ollama_standin.answers.default = Answer("# Notes\n\nSome notes on this.\n", first_delay=600)
    home = tmp_path/"home"
    kw = {"TOKEN_SAVER_BACKEND__URL": ollama_standin.url}
    async def go():
        with start_hub(home, **kw) as hub:
            async with bridge_client(hub.environ, project, mode=mode) as client:
                call = asyncio.create_task(client.call_tool("batch_offload", {"task":"Write notes.","each":["*.py"],"output":"{dir}/{stem}.md"}))
                while not ollama_standin.running: await asyncio.sleep(0.05)
                await asyncio.to_thread(hub.stop)
                try: print("answer:", await asyncio.wait_for(call, 20))
                except BaseException as e: print("answer:", type(e), e)
    try: asyncio.run(go())
    except BaseException as e: print(type(e))
    with sqlite3.connect(home/"history.db") as c:
        print((home/"token-saver.log").read_text()[-6000:]); print(mode, c.execute("select state,held from job").fetchall(), c.execute("select state,count(*) from job_item group by 1").fetchall())
