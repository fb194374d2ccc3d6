"""Addresses of engines, as users write them and in ``OLLAMA_HOST``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.backends.address import engine_url, is_loopback, ollama_url, require_allowed
from server.common.errors import SettingsError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:11500", "http://127.0.0.1:11500"),
        (":11500", "http://127.0.0.1:11500"),
        ("localhost", "http://localhost:11434"),
        ("127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("[::]:11500", "http://[::1]:11500"),
        ("::", "http://[::1]:11434"),
        ("http://localhost", "http://localhost:80"),
        ("https://localhost", "https://localhost:443"),
        ("http://localhost:11434/", "http://localhost:11434"),
        ("https://example.org/ollama", "https://example.org:443/ollama"),
        ('"0.0.0.0:99999"', "http://127.0.0.1:11434"),
        ("localhost:port", "http://localhost:11434"),
        ("  box.local:1234 ", "http://box.local:1234"),
    ],
)
def test_ollama_host(value: str, url: str) -> None:
    assert ollama_url(value) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080"),
        ("https://box/openai/v1", "https://box/openai"),
        ("http://0.0.0.0:1234", "http://127.0.0.1:1234"),
    ],
)
def test_engine_url(text: str, url: str) -> None:
    assert engine_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://ho st",
        "file:///etc/passwd",
        "http://[::1",
        "http://u:p@host",
    ],
)
def test_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        engine_url(text)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://localhost", True),
        ("http://LOCALHOST.:80", True),
        ("http://ollama.localhost", True),
        ("http://[::1]:1", True),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://0x7f000001", False),
        ("http://10.0.0.1", False),
        ("http://[fe80::1]", False),
        ("http://host.docker.internal", False),
    ],
)
def test_loopback(url: str, local: bool) -> None:
    assert is_loopback(url) is local


def test_another_machine_needs_permission() -> None:
    require_allowed("http://10.0.0.1", allow_remote=True)
    with pytest.raises(SettingsError, match="your code would be sent"):
        require_allowed("http://10.0.0.1", allow_remote=False)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_settings_error(text: str) -> None:
    for read in (engine_url, ollama_url):
        try:
            url = read(text)
        except SettingsError:
            continue
        assert url.startswith(("http://", "https://"))
        assert engine_url(url) == url
