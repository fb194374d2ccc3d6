"""Catalogue of models for the embedded engine. Each file is pinned by its checksum."""

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
    """Return the catalogue name of a model spelled the way another engine does. Other names are returned
    unchanged.
    """
    return next((name for name in pinned_models() if spelled_alike(name, given)), given)


@cache
def pinned_models() -> dict[str, PinnedModel]:
    """Return the catalogue, keyed by name."""
    table = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {name: PinnedModel(**entry) for name, entry in table.items()}
