"""Where the user wants ``[checks]`` to run, and which questions are still open.

A check that predates the sandbox runs outside it until the user has answered. A check that passes outside but
not in the sandbox is refused until then. Every other check runs in the sandbox.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from server.bridge.own_folders import make_folder
from server.common.atomic_write import replace_file
from server.common.errors import WriteFailed

logger = logging.getLogger(__name__)

CheckPlace = Literal["sandbox", "outside"]
_State = Literal["sandbox", "outside", "existed", "fails"]
"""The user's answer, or the reason for asking."""


@dataclass(frozen=True)
class CheckQuestion:
    """An open question about a check. ``reason`` says why it fails in the sandbox. It is empty for a check
    that predates the sandbox and runs outside.
    """

    name: str
    reason: str

    @property
    def text(self) -> str:
        """The question as text."""
        if not self.reason:
            return f"The check {self.name} runs outside the sandbox, as before. Should it stay there?"
        return (
            f"The check {self.name} passes on the unchanged project, but not in the sandbox: "
            f"{self.reason}. May it run outside, with your permissions?"
        )


class CheckPlaces:
    """The answers and open questions. Each belongs to a command: a check whose command changes is treated as
    new.

    Args:
        file: the file they are stored in.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def start(self, checks: Mapping[str, str], *, is_new: bool) -> None:
        """Ask about the checks that exist on the first start, unless the app itself is new; blocks."""
        if not self._file.exists():
            existing = {} if is_new else checks
            try:
                self._write({name: _entry(command, "existed") for name, command in existing.items()})
            except WriteFailed as error:
                logger.warning("%s", error)

    def questions(self, checks: Mapping[str, str]) -> dict[str, CheckQuestion]:
        """Return the open questions about these checks, by name; blocks."""
        found = {name: self._of(name, command) for name, command in checks.items()}
        return {
            name: CheckQuestion(name, str(entry.get("reason", "")))
            for name, entry in found.items()
            if entry.get("state") in ("existed", "fails")
        }

    def is_outside(self, name: str, command: str) -> bool:
        """Return whether a check runs outside, either by the user's answer or pending one; blocks."""
        return self._of(name, command).get("state") in ("existed", "outside")

    def ask(self, name: str, command: str, reason: str) -> None:
        """Ask about a check that fails in the sandbox; blocks.

        Raises:
            WriteFailed: the question cannot be saved.
        """
        self._write({**self._read(), name: _entry(command, "fails", reason)})

    def answer(self, name: str, command: str, place: CheckPlace) -> None:
        """Save the user's answer; blocks.

        Raises:
            WriteFailed: the answer cannot be saved.
        """
        self._write({**self._read(), name: _entry(command, place)})

    def _of(self, name: str, command: str) -> dict[str, Any]:
        entry = self._read().get(name, {})
        return entry if entry.get("command") == command else {}

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            # Without the answers every check runs in the sandbox.
            logger.warning("%s cannot be read: %s", self._file, error)
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            str(name): entry
            for name, entry in found.items()
            if isinstance(entry, dict) and entry.get("state") in get_args(_State)
        }

    def _write(self, entries: Mapping[str, dict[str, Any]]) -> None:
        try:
            make_folder(self._file.parent)
            replace_file(self._file, (json.dumps(entries, indent=1, sort_keys=True) + "\n").encode())
        except OSError as error:
            raise WriteFailed(
                f"{self._file} cannot be written: {error.strerror or error}.", "Try again."
            ) from None


def _entry(command: str, state: _State, reason: str = "") -> dict[str, Any]:
    return {"command": command, "state": state, "reason": reason}
