"""Engine addresses: normalising URLs and checking whether they point to this machine."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from server.common.errors import SettingsError

OLLAMA_PORT = 11434


def engine_url(text: str, *, default_port: int | None = None) -> str:
    """Return ``text`` as ``scheme://host[:port][/path]`` without a trailing slash.

    A missing scheme defaults to ``http``. A wildcard listen address (``0.0.0.0``, ``::``) becomes the
    loopback address. A trailing ``/v1`` is removed because every path used here includes its version.

    Raises:
        SettingsError: the text is not an http address.
    """
    whole = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(whole)
        port = parts.port or default_port
        host = parts.hostname or ""
    except ValueError:
        raise _not_an_address(text) from None
    if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in whole):
        raise _not_an_address(text)
    if parts.username or parts.password:
        raise SettingsError(
            "The engine's address contains a user name or password.",
            "Remove it. If the engine needs a key, set [backend] api_key.",
        )
    return f"{parts.scheme}://{_joined(host, port)}{_path(parts)}"


def ollama_url(ollama_host: str) -> str:
    """Return the client URL for an ``OLLAMA_HOST`` value, parsed the way Ollama does it.

    ``0.0.0.0``, ``host``, ``:port``, ``host:port``, ``[::1]:port`` and ``https://host/path`` are all valid.
    The default port is 11434, or 80 or 443 if a scheme is given. An invalid port falls back to the default
    (see ``envconfig.Host`` in Ollama's source).
    """
    value = ollama_host.strip().strip("\"'").strip()
    scheme, separator, rest = value.rpartition("://")
    scheme = scheme if separator else "http"
    port = {"http": 80, "https": 443}.get(scheme, OLLAMA_PORT) if separator else OLLAMA_PORT
    place, slash, path = rest.partition("/")
    host = place
    if not _is_ip(place.strip("[]")):
        before, colon, after = place.rpartition(":")
        if colon:
            host = before
            port = int(after) if after.isdecimal() and 0 < int(after) < 65536 else port
    host = host.strip("[]") or "127.0.0.1"
    return engine_url(f"{scheme}://{_joined(host, port)}{slash}{path}")


def is_loopback(url: str) -> bool:
    """Return whether ``url`` points to this machine."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, *, allow_remote: bool) -> None:
    """Check that the user's files may be sent to ``url``.

    Raises:
        SettingsError: the engine is on another machine and ``[backend] allow_remote`` is off.
    """
    if not allow_remote and not is_loopback(url):
        raise SettingsError(
            f"The engine at {url} is on another machine, and your code would be sent to it.",
            "Set allow_remote = true in [backend] to allow this.",
        )


def place_of(url: str) -> str:
    """Return the host and port for display."""
    return urlsplit(url).netloc


def _joined(host: str, port: int | None) -> str:
    if host == "0.0.0.0":  # noqa: S104  # compared, not bound
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _path(parts: SplitResult) -> str:
    return parts.path.rstrip("/").removesuffix("/v1").rstrip("/")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _not_an_address(text: str) -> SettingsError:
    return SettingsError(f"{text!r} is not a valid engine address.", "Write it like http://127.0.0.1:11434.")
