"""Discovery of the engine, in order of preference."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from server.common.errors import BackendFailed, BackendUnreachable, SettingsError
from server.engine.discovery import find_server
from tests.engine_requests import settings
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.raw import HEAD, RawServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn]]:
    """Ollama at ``OLLAMA_HOST``, LM Studio and llama-server."""
    with ExitStack() as stack:
        ollama = stack.enter_context(OllamaStandIn())
        lmstudio = stack.enter_context(OpenAIStandIn("lmstudio"))
        llama_server = stack.enter_context(OpenAIStandIn("llama-server"))
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{ollama.port}")
        yield ollama, lmstudio, llama_server


async def found(usual_urls: tuple[str, ...], **backend: str) -> str:
    """Return the kind of the discovered engine."""
    server = await find_server(settings(**backend), usual_urls)
    await server.close()
    return server.kind


@pytest.mark.fast
async def test_the_order(servers: tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn]) -> None:
    usual = (servers[1].url, servers[2].url)

    assert await found(usual) == "ollama"
    servers[0].stop()
    assert await found(usual) == "lmstudio"
    servers[1].stop()
    assert await found(usual) == "llama-server"
    servers[2].stop()
    with pytest.raises(BackendUnreachable, match=r"No engine answers: .*Ollama.*") as raised:
        await found(usual)
    assert "Start Ollama" in raised.value.next_step


@pytest.mark.fast
async def test_the_configured_one_comes_first(
    servers: tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn],
) -> None:
    ollama, lmstudio, llama_server = servers
    usual = (lmstudio.url,)

    assert await found(usual, url=llama_server.url) == "llama-server"
    assert await found(usual, url=ollama.url) == "ollama"
    assert await found(usual, kind="openai") == "lmstudio"
    assert await found(usual, kind="openai", url=f"{llama_server.url}/v1") == "llama-server"
    llama_server.stop()
    assert await found(usual, url=llama_server.url) == "ollama"


@pytest.mark.fast
async def test_a_configured_kind_is_the_only_one(
    servers: tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn],
) -> None:
    ollama, lmstudio, _ = servers
    ollama.stop()
    with pytest.raises(BackendUnreachable, match="Ollama does not answer"):
        await found((lmstudio.url,), kind="ollama")
    with pytest.raises(BackendFailed):
        await found((lmstudio.url,), kind="ollama", url=lmstudio.url)


@pytest.mark.fast
async def test_invalid_address_is_an_error(
    servers: tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn],
) -> None:
    with pytest.raises(SettingsError, match="another machine"):
        await found((servers[1].url,), url="http://10.1.2.3:11434")
    with pytest.raises(SettingsError, match="not a valid engine address"):
        await found((servers[1].url,), url="http://")


@pytest.mark.fast
async def test_ollama_host_on_another_machine_is_skipped(
    servers: tuple[OllamaStandIn, OpenAIStandIn, OpenAIStandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "10.1.2.3")
    assert await found((servers[1].url,)) == "lmstudio"
    with pytest.raises(BackendUnreachable, match=r"OLLAMA_HOST: .*another machine"):
        await found((), kind="ollama")


async def test_another_program_at_the_port_is_not_an_engine() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>hello</html>"
    with RawServer([page]) as web, RawServer([HEAD], hangs=True) as silent, OpenAIStandIn("vllm") as vllm:
        slow = settings(kind="openai", silence_timeout=1.5)
        server = await find_server(slow, (web.url, silent.url, vllm.url))
        assert server.url == vllm.url
        await server.close()


@pytest.mark.parametrize("kind", ["auto", "openai"])
@pytest.mark.fast
async def test_key_is_sent_to_the_configured_address_only(kind: str) -> None:
    with OpenAIStandIn() as stranger, OpenAIStandIn(api_key="secret") as own:
        keyed = {"kind": kind, "api_key": "secret"}
        assert await found((stranger.url,), url=own.url, **keyed) == "llama-server"
        own.stop()
        if kind == "auto":
            assert await found((stranger.url,), url=own.url, **keyed) == "llama-server"
        assert await found((stranger.url,), **keyed) == "llama-server"
        assert stranger.requests
        assert not any("authorization" in each.headers for each in stranger.requests)


@pytest.mark.fast
async def test_ollama_found_by_the_openai_protocol_gets_its_key(
    ollama_standin: OllamaStandIn,
) -> None:
    for kind in ("openai", "ollama", "auto"):
        ollama_standin.requests.clear()
        server = await find_server(settings(kind=kind, url=ollama_standin.url, api_key="secret"), ())
        assert (server.kind, len(await server.installed())) == ("ollama", 1)
        await server.close()
        given = [each.headers.get("authorization") for each in ollama_standin.requests]
        assert given
        assert set(given) == {"Bearer secret"}
