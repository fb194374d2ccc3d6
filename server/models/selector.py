"""The user's model filters: blocked names, licences, and a preferred model per category.

The filters are stored as JSON in ``models.json`` in the configuration folder, which the user can edit.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import SettingsError
from server.config.folders import Folders
from server.models.catalogue import load_catalogue
from server.models.categories import Category


class SelectorSettings(BaseModel):
    """Model filters. ``blocked_models`` holds names or patterns (``llama*``). An empty ``license_filter``
    allows every licence. ``custom_recommendations`` names the model to rank first in a category.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    blocked_models: tuple[str, ...] = ()
    license_filter: tuple[str, ...] = ()
    custom_recommendations: Mapping[Category, str] = {}

    def blocks(self, model: str) -> bool:
        """Return whether a model must not be used. Blocking a name without a tag blocks all its tags."""
        name = model.lower()
        wanted = (name, name.partition(":")[0])
        return any(fnmatchcase(each, pattern.lower()) for pattern in self.blocked_models for each in wanted)

    def allows_license(self, license_name: str) -> bool:
        """Return whether a licence is allowed. Unknown licences are allowed only if there is no filter."""
        return not self.license_filter or license_name.lower() in {
            each.lower() for each in self.license_filter
        }


class Selector:
    """The file that holds the filters."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._path = folders.config / "models.json"

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._path

    def read(self) -> SelectorSettings:
        """Return the current filters.

        Raises:
            SettingsError: the file is damaged.
        """
        try:
            return SelectorSettings.model_validate(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return SelectorSettings()
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise SettingsError(
                f"{self._path} cannot be read: {reason}.", "Fix or remove the file."
            ) from None

    def write(self, settings: SelectorSettings) -> None:
        """Replace the file.

        Raises:
            SettingsError: the file cannot be written.
        """
        text = settings.model_dump_json(indent=2) + "\n"
        try:
            make_folder(self._path.parent)
            replace_file(self._path, text.encode())
        except OSError as error:
            raise SettingsError(
                f"{self._path} cannot be written: {error.strerror}.", "Check the folder's permissions."
            ) from None

    def is_blocked(self, model: str) -> bool:
        """Return whether the user has blocked a model, by name or, if the catalogue knows it, by licence.

        Raises:
            SettingsError: the file is damaged.
        """
        settings = self.read()
        if settings.blocks(model) or not settings.license_filter:
            return settings.blocks(model)
        name = model.removesuffix(":latest")
        known = next((each.license for each in load_catalogue(self._folders) if each.name == name), "")
        return bool(known) and not settings.allows_license(known)
