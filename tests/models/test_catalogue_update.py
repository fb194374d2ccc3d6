"""``token-saver models update``: a newer catalogue from a file or an address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.common.errors import BadArguments, NoNetwork, SettingsError, TokenSaverError
from server.config.folders import Folders
from server.models.catalogue import load_catalogue
from server.models.catalogue_update import update_catalogue
from tests.standins.serving import Exchange, Reply, StandInServer

NEWER = (
    'date = "2099-01-01"\n[[model]]\nname = "next:9b"\nsize = 6_000_000_000\ngguf = "org/next-GGUF:Q4_K_M"\n'
)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "config", tmp_path, tmp_path, tmp_path)


@pytest.fixture
def server() -> Iterator[StandInServer]:
    async def answer(exchange: Exchange) -> Reply:
        known = {"/models.toml": NEWER.encode(), "/large": b"#" * (2 << 20), "/binary": b"\xff\xfe"}
        body = known.get(exchange.path)
        return Reply(404) if body is None else Reply(body=body, content_type="text/plain")

    with StandInServer(answer) as running:
        yield running


def test_from_a_file(folders: Folders, tmp_path: Path) -> None:
    source = tmp_path / "newer.toml"
    source.write_text(NEWER)
    assert update_catalogue(folders, str(source)).startswith(
        f"1 models of 2099-01-01 from {source} are now used"
    )
    [model] = load_catalogue(folders)
    assert (model.name, model.name_for("embedded"), model.name_for("lmstudio")) == (
        "next:9b",
        "org/next-GGUF:Q4_K_M",
        "",
    )


def test_from_an_address(folders: Folders, server: StandInServer) -> None:
    update_catalogue(folders, f"{server.url}/models.toml")
    assert [each.name for each in load_catalogue(folders)] == ["next:9b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[model]]\nnom = 1\n", "not a valid catalogue"),
        ("not TOML at all =", "not a valid catalogue"),
        ('date = "2099-01-01"\n', "does not list any model"),
        ('date = "2020-01-01"\n[[model]]\nname = "old:1b"\n', "older than the present"),
    ],
    ids=["unknown-key", "no-toml", "empty", "older"],
)
def test_a_bad_catalogue_changes_nothing(folders: Folders, tmp_path: Path, text: str, says: str) -> None:
    source = tmp_path / "bad.toml"
    source.write_text(text)
    before = load_catalogue(folders)
    with pytest.raises(SettingsError, match=says):
        update_catalogue(folders, str(source))
    assert load_catalogue(folders) == before


@pytest.mark.parametrize(
    ("place", "error"),
    [("/none", NoNetwork), ("/large", BadArguments), ("/binary", SettingsError)],
    ids=["missing", "too-large", "binary"],
)
def test_a_bad_address_is_an_error(
    folders: Folders, server: StandInServer, place: str, error: type[TokenSaverError]
) -> None:
    with pytest.raises(error):
        update_catalogue(folders, f"{server.url}{place}")
    with pytest.raises(BadArguments):
        update_catalogue(folders, "/no/such/file.toml")
