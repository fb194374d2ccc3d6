"""Engines with a private certificate: trusted by a setting or a variable, and named if they are not."""

import datetime
import ipaddress
import json
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from server.backends.ollama.backend import OllamaBackend
from server.backends.openai.backend import OpenAICompatible
from server.common.errors import BackendFailed, SettingsError
from tests.engine_requests import settings
from tests.standins.raw import RawServer

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
BODY = json.dumps({"version": "0.33.0", "data": [{"id": "m"}]}).encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def _check(kind: str, url: str, ca_file: str = "") -> None:
    own = settings(ca_file=ca_file)
    backend = OllamaBackend(url, own) if kind == "ollama" else OpenAICompatible(url, "", own)
    try:
        await backend.check()
    finally:
        await backend.close()


@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_an_untrusted_certificate_is_named(kind: str, tls: ssl.SSLContext) -> None:
    with (
        RawServer([HEAD + BODY], tls=tls) as server,
        pytest.raises(BackendFailed, match=r"answers, but its certificate is not trusted \(self") as raised,
    ):
        await _check(kind, server.url)
    assert "[backend] ca_file" in raised.value.next_step


@pytest.mark.parametrize("kind", ["ollama", "openai"])
async def test_ca_file_makes_it_trusted(kind: str, tls: ssl.SSLContext, certificate: Path) -> None:
    with RawServer([HEAD + BODY], tls=tls) as server:
        await _check(kind, server.url, str(certificate))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
async def test_a_variable_makes_it_trusted(
    variable: str, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with RawServer([HEAD + BODY], tls=tls) as server:
        await _check("openai", server.url)


@pytest.mark.parametrize("content", [None, b"not a certificate"], ids=["missing", "garbage"])
async def test_a_bad_ca_file_is_a_setting_to_fix(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"\[backend\] ca_file"):
        await _check("openai", "https://127.0.0.1:9", str(path))
