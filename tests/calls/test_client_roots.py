"""Tests of the roots of clients that connect over HTTP, in both eras of the protocol."""

from pathlib import Path
from typing import Any

import pytest
from mcp_types import ElicitResult

from tests.hub_process import HubProcess
from tests.mcp_clients import ERAS, http_client, text_of

pytestmark = pytest.mark.anyio

OUTSIDE = "path_outside_roots: "


def asked(path: Path, **more: Any) -> dict[str, Any]:
    return {"task": "Say what it says.", "files": [str(path)], **more}


@pytest.mark.parametrize("mode", ERAS)
async def test_roots_of_a_client_over_http_are_its_project(
    hub: HubProcess, tmp_path: Path, mode: str
) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "a.py").write_text("x = 1\n")
    async with http_client(hub, mode, roots=(root,)) as client:
        inside = text_of(await client.call_tool("offload_work", asked(Path("a.py"))))
        missing = text_of(await client.call_tool("offload_work", asked(root / "missing.py")))
        outside = text_of(await client.call_tool("offload_work", asked(other / "a.py")))
    # The file was found and read, so only the engine is missing.
    assert inside.startswith("backend_unreachable: "), inside
    assert missing.startswith("path_not_found: "), missing
    assert outside.startswith(OUTSIDE), outside


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_without_roots_has_no_project(hub: HubProcess, tmp_path: Path, mode: str) -> None:
    async with http_client(hub, mode) as client:
        text = text_of(await client.call_tool("offload_work", asked(tmp_path / "a.py")))
    assert text.startswith(OUTSIDE), text


@pytest.mark.parametrize("mode", ERAS)
async def test_the_home_folder_is_not_a_project(hub: HubProcess, tmp_path: Path, mode: str) -> None:
    async with http_client(hub, mode, roots=(Path.home(), Path("/"))) as client:
        text = text_of(await client.call_tool("offload_work", asked(tmp_path / "a.py")))
    assert text.startswith(OUTSIDE), text


@pytest.mark.parametrize("mode", ERAS)
async def test_roots_and_an_approval_are_asked_for_in_one_call(
    hub: HubProcess, tmp_path: Path, mode: str
) -> None:
    questions: list[str] = []

    async def answer(_context: object, params: Any) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="accept", content={"answer": "once"})

    (tmp_path / "a.py").write_text("x = 1\n")
    async with http_client(hub, mode, roots=(tmp_path,), answer=answer) as client:
        call = asked(tmp_path / "a.py", output=".mcp.json")
        text = text_of(await client.call_tool("offload_work", call))
    assert len(questions) == 1
    assert ".mcp.json" in questions[0]
    assert text.startswith("backend_unreachable: "), text
