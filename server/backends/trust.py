"""Certificate authorities trusted for https engines: the public ones, the system's, and the user's own."""

import os
import ssl
from pathlib import Path

import certifi

from server.common.errors import SettingsError

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Other programs' environment variables that name a CA bundle. OpenSSL itself reads ``SSL_CERT_FILE``."""


def ssl_context(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the public authorities, the system's (including ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR``), and those in ``ca_file`` (empty: none).

    Raises:
        SettingsError: ``ca_file`` cannot be read.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    for name in _BUNDLES:
        bundle = Path(os.environ.get(name, "") or ".")
        if bundle.is_file():
            context.load_verify_locations(bundle)
    if ca_file:
        try:
            context.load_verify_locations(Path(ca_file).expanduser())
        except OSError as error:  # an SSLError is an OSError too
            raise SettingsError(
                f"[backend] ca_file: {ca_file} cannot be read as certificates "
                f"({error.strerror or type(error).__name__}).",
                "Name a file with PEM certificates.",
            ) from None
    return context


def distrust(error: BaseException | None) -> str:
    """Return why a certificate was rejected if that caused ``error``; otherwise an empty string."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or "it cannot be verified"
        error = error.__cause__ or error.__context__
    return ""
