"""Path rules for ``token-saver digest``: those of ``compress_context``, minus the project limit."""

import asyncio
import os
import time
from pathlib import Path
from typing import BinaryIO

from server.calls.prepare import prepare
from server.common.errors import Denied
from server.config.folders import find_folders
from server.config.settings import load_settings
from server.offload.files.workspace import Workspace, open_workspace
from server.offload.values import Caller
from server.policy.files.paths import require_file
from server.policy.files.safe_open import open_for_reading
from server.policy.rules.detect_format import parse_policy
from server.policy.rules.evaluate import denied_look
from server.policy.rules.policy_file import read_policy_text
from server.store.records import SHELL

TOOL = "compress_context"


def open_allowed(file: str) -> BinaryIO:
    """Open a file that the rules allow to be read.

    Raises:
        TokenSaverError: as in ``require_allowed``, or the file is missing or not a regular file.
    """
    path = require_allowed(file)
    require_file(path, file)
    return os.fdopen(open_for_reading(path, file), "rb")


def require_allowed(file: str) -> Path:
    """Return a file's absolute path, with links resolved, if the rules allow it to be read.

    Commands run from a shell can also name files outside the project.

    Raises:
        WorkspaceError: the file can hold credentials, or belongs to version control or to this app.
        Denied: the user's policy denies ``compress_context`` this file.
        SettingsError: the settings or the policy are invalid.
    """
    named = Path(file).absolute()
    workspace = _workspace(Path(named.anchor))
    path = workspace.confine_to_read(str(named))
    prepared = asyncio.run(prepare(load_settings(find_folders()), workspace, TOOL, {"files": [str(path)]}))
    policy_file, text = read_policy_text(find_folders())
    denied = denied_look(parse_policy(text, policy_file.name), prepared.call, time.time())
    if denied is not None:
        raise Denied(denied.reason, f"The rules are in {policy_file}.")
    return path


def project_folder() -> Path:
    """Return the project folder in which the command runs."""
    return Path(os.environ.get("CLAUDE_PROJECT_DIR") or Path.cwd())


def _workspace(root: Path) -> Workspace:
    folders = find_folders()
    caller = Caller(SHELL, "", project_folder(), (root,))
    return open_workspace(caller, load_settings(folders), folders)
