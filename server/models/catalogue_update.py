"""Updates the model catalogue from a file or URL given by the user."""

from pathlib import Path

import httpx

from server.backends.trust import ssl_context
from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import BadArguments, NoNetwork, SettingsError
from server.config.folders import Folders
from server.models.catalogue import SHIPPED, own_catalogue, parse_catalogue

LARGEST = 1 << 20
"""Maximum size of a catalogue (bytes). The built-in one is about 10,000 bytes."""


def update_catalogue(folders: Folders, source: str) -> str:
    """Replace the current catalogue with the one at ``source`` (a path or an HTTP URL).

    Return a sentence about the outcome. If the new catalogue is invalid, empty or older than the current one,
    nothing changes.

    Raises:
        BadArguments: the file does not exist or is too large.
        NoNetwork: the URL cannot be reached.
        SettingsError: the catalogue is invalid or older than the current one.
    """
    text = (
        _fetched(source) if source.startswith(("https://", "http://")) else _read(Path(source).expanduser())
    )
    date, models = parse_catalogue(text, source)
    if not models:
        raise SettingsError(f"{source} does not list any models.", "Name a catalogue with models.")
    present = own_catalogue(folders)
    current, _ = parse_catalogue(
        (present if present.exists() else SHIPPED).read_text(encoding="utf-8"), str(present)
    )
    if date and current and date < current:
        raise SettingsError(
            f"{source} dates from {date} and is older than the present catalogue ({current}).",
            f"To use it anyway, remove {present} first.",
        )
    make_folder(present.parent)
    replace_file(present, text.encode())
    return f"{len(models)} models of {date or 'an unknown date'} from {source} are now used ({present})."


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise BadArguments(f"{path} is too large for a catalogue.", "Name a catalogue of models.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadArguments(f"{path} cannot be read ({type(error).__name__}).", "Check the path.") from None


def _fetched(url: str) -> str:
    try:
        with (
            httpx.Client(verify=ssl_context(""), follow_redirects=True, timeout=30) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            body = b""
            for piece in response.iter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise BadArguments(f"{url} is too large for a catalogue.", "Name a catalogue of models.")
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{url} is not text.", "Name a catalogue of models.") from None
    except (httpx.HTTPError, ImportError, ValueError) as error:
        raise NoNetwork(f"{url} cannot be fetched ({error}).", "Check the address and the network.") from None
