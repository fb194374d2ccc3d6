"""A pytest plugin that imports one file of the project from another text. Runs in the project's own pytest.

It needs only the standard library. ``TOKEN_SAVER_REPLACED`` names the file, and ``TOKEN_SAVER_REPLACEMENT``
the text's file in the home folder. The project itself stays unchanged.
"""

import os
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

REPLACED = "TOKEN_SAVER_REPLACED"
REPLACEMENT = "TOKEN_SAVER_REPLACEMENT"

_file = os.path.realpath(os.environ.get(REPLACED, ""))
_get_code = SourceFileLoader.get_code


def _get_code_of(self: SourceFileLoader, fullname: str) -> CodeType | None:
    """Compile the replacement for the one file; a cached compilation belongs to the old text."""
    if os.path.realpath(self.path) != _file:
        return _get_code(self, fullname)
    return self.source_to_code(Path.home().joinpath(os.environ[REPLACEMENT]).read_bytes(), self.path)


if REPLACED in os.environ:  # the app itself imports only the names above
    SourceFileLoader.get_code = _get_code_of  # type: ignore[method-assign,assignment]
