"""Catalogue of the embedded engine's models. A checksum pins each file."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from server.backends.model_names import spelled_alike

CATALOGUE = Path(__file__).with_name("catalogue.toml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Official(_Entry):
    """The publisher's repository on the Hugging Face Hub."""

    repo: str
    file: str


class PinnedModel(_Entry):
    """A GGUF file of exactly ``size`` bytes with this SHA-256 (hex)."""

    title: str
    sha256: str
    size: int
    license: str
    official: Official


def pinned_name(given: str) -> str:
    """Return the catalogue's name for a model that is spelled as for another engine. Other names are
    unchanged.
    """
    return next((name for name in pinned_models() if spelled_alike(name, given)), given)


@cache
def pinned_models() -> dict[str, PinnedModel]:
    """Return the catalogue by name."""
    table = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {name: PinnedModel(**entry) for name, entry in table.items()}
