"""Catalogue of models that can be recommended: the built-in one, or the user's ``models.toml``."""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.common.errors import SettingsError
from server.config.folders import Folders
from server.models.categories import Category

LEAST_PARAMETERS = 1.0
"""Billions of parameters below which a model writes nothing useful. In tests on small functions, 0.5B got
about one in six right, 135M none.
"""
LEAST_SIZE = 600_000_000
"""File size in bytes below which a model with an unknown parameter count is treated as that small."""
SHIPPED = Path(__file__).with_name("catalogue.toml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quality(_Entry):
    """A published figure in the benchmark's own unit (per cent for all figures in the built-in catalogue)."""

    benchmark: str
    value: float
    source: str
    date: str


class CatalogueModel(_Entry):
    """A model that can be recommended. ``size`` is in bytes, ``parameters`` and ``active`` in billions; 0 if
    unknown.

    ``name`` is the model's name in ``engine``. ``lmstudio`` and ``gguf`` are its LM Studio name and its GGUF
    file reference (empty: none). ``peak`` is the measured memory with the usual context, in bytes. ``common``
    marks models widely used for chores.
    """

    name: str
    engine: Literal["ollama", "embedded"] = "ollama"
    lmstudio: str = ""
    gguf: str = ""
    thinking: Literal["none", "template", "request"] = "none"
    common: bool = False
    size: int = Field(0, ge=0)
    size_estimated: bool = False
    peak: int = Field(0, ge=0)
    parameters: float = Field(0.0, ge=0)
    active: float = Field(0.0, ge=0)
    context: int = Field(0, ge=0)
    license: str = ""
    categories: tuple[Category, ...] = ()
    quality: Quality | None = None

    @property
    def is_toy(self) -> bool:
        """Return whether the model is too small to be useful: fewer than ``LEAST_PARAMETERS`` billion
        parameters.
        """
        if self.parameters:
            return self.parameters < LEAST_PARAMETERS
        return 0 < self.size < LEAST_SIZE

    def name_for(self, kind: str) -> str:
        """Return the name this kind of engine uses to download the model; empty if it cannot."""
        if kind == self.engine:
            return self.name
        return {"lmstudio": self.lmstudio, "embedded": self.gguf}.get(kind, "")


class _Catalogue(_Entry):
    date: str = ""
    model: tuple[CatalogueModel, ...] = ()


def load_catalogue(folders: Folders) -> tuple[CatalogueModel, ...]:
    """Return the user's catalogue if there is one, otherwise the built-in one.

    Raises:
        SettingsError: the user's file is not a valid catalogue.
    """
    own = own_catalogue(folders)
    path = own if own.exists() else SHIPPED
    try:
        return parse_catalogue(path.read_text(encoding="utf-8"), str(path))[1]
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(str(path), error) from None


def own_catalogue(folders: Folders) -> Path:
    """Return the path of the user's catalogue, which may not exist."""
    return folders.config / "models.toml"


def parse_catalogue(text: str, source: str) -> tuple[str, tuple[CatalogueModel, ...]]:
    """Return a catalogue's date (empty if it has none) and its models.

    Raises:
        SettingsError: the text is not a valid catalogue. ``source`` says where the text comes from.
    """
    try:
        read = _Catalogue.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise _invalid(source, error) from None
    return read.date, read.model


def _invalid(source: str, error: Exception) -> SettingsError:
    reason = str(error).splitlines()[0]
    return SettingsError(f"{source} is not a valid catalogue of models: {reason}.", "Fix or remove the file.")
