"""Cache of earlier digests in the app's cache folder, keyed by input."""

import hashlib
import json
from pathlib import Path

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file

MOST_ENTRIES = 500


class DigestCache:
    """One small file per digest. A cache that cannot be read or written is ignored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def key(*parts: str) -> str:
        """Return a digest's key, derived from the contents, the focus, the length and the model."""
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def get(self, key: str) -> str | None:
        """Return the digest, or None if it is not cached."""
        try:
            return (self._folder / key).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, key: str, text: str) -> None:
        """Store a digest. If there are too many, remove the oldest."""
        try:
            make_folder(self._folder)
            replace_file(self._folder / key, text.encode())
            entries = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for path in entries[:-MOST_ENTRIES]:
                path.unlink()
        except OSError:
            return
