"""Catalogue of recommendable models: the app's own, or the user's ``models.toml``."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.common.errors import SettingsError
from server.config.folders import Folders
from server.models.categories import Category

SHIPPED = Path(__file__).with_name("catalogue.toml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quality(_Entry):
    """A published figure in the benchmark's own unit (per cent for all of the app's own catalogue)."""

    benchmark: str
    value: float
    source: str
    date: str


class CatalogueModel(_Entry):
    """A recommendable model. ``size`` in bytes, ``parameters`` and ``active`` in billions; 0 if unknown."""

    name: str
    engine: Literal["ollama", "embedded"] = "ollama"
    size: int = Field(0, ge=0)
    size_estimated: bool = False
    parameters: float = Field(0.0, ge=0)
    active: float = Field(0.0, ge=0)
    context: int = Field(0, ge=0)
    license: str = ""
    categories: tuple[Category, ...] = ()
    quality: Quality | None = None


class _Catalogue(_Entry):
    model: tuple[CatalogueModel, ...] = ()


def load_catalogue(folders: Folders) -> tuple[CatalogueModel, ...]:
    """Return the user's catalogue if there is one, or else the app's own.

    Raises:
        SettingsError: the user's file is not a valid catalogue.
    """
    own = folders.config / "models.toml"
    path = own if own.exists() else SHIPPED
    try:
        return _Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).model
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(
            f"{path} is not a valid catalogue of models: {reason}.", "Fix or remove the file."
        ) from None
