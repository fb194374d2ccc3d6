"""Smoke test for a configured command: starts it and sends ``initialize``, as a client does."""

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from server.bridge import wire

PROOF_SECONDS = 20.0
"""Timeout for the command's answer (seconds). The command may have to start the hub first."""


@dataclass(frozen=True)
class Proof:
    """Whether the command answered, and with what: server name and version, or the problem."""

    works: bool
    text: str


INHERITED = (
    *("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"),
    *("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PROCESSOR_ARCHITECTURE", "SYSTEMDRIVE"),
    *("SYSTEMROOT", "TEMP", "TMP", "USERNAME", "USERPROFILE"),
)
"""Variables that clients pass on to their servers. The list comes from the MCP SDKs."""


def prove(
    command: list[str], environ: Mapping[str, Any] | None = None, seconds: float = PROOF_SECONDS
) -> Proof:
    """Start ``command`` with ``environ``, the variables from its entry, and send ``initialize``.

    From this shell, the command inherits only the variables that a client started from the desktop would
    pass.
    """
    try:
        process = subprocess.Popen(
            command,
            env={**_inherited(), **{name: str(value) for name, value in (environ or {}).items()}},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        return Proof(works=False, text=f"{command[0]} cannot be started: {error.strerror or error}.")
    answer: dict[str, Any] | None = None
    # Closing the input of a process that has ended fails, because unsent data remains.
    with contextlib.suppress(OSError), process:
        try:
            answer = _ask(process, seconds)
        finally:
            process.kill()
    info = answer.get("result", {}).get("serverInfo") if answer is not None else None
    if not isinstance(info, dict):
        return Proof(works=False, text=f"`{' '.join(command)}` does not respond as an MCP server.")
    return Proof(works=True, text=f"{info.get('name', '?')} {info.get('version', '')}".strip())


def _inherited() -> dict[str, str]:
    kept = (each for each in os.environ if each.upper() in INHERITED or each.startswith("XDG_"))
    return {name: os.environ[name] for name in kept}


def _ask(process: "subprocess.Popen[bytes]", seconds: float) -> dict[str, Any] | None:
    request = wire.initialize_request("token-saver-connect")
    if process.stdin is None or process.stdout is None:
        return None
    lines: SimpleQueue[bytes] = SimpleQueue()
    output = process.stdout
    # A thread, because not every system can wait for a pipe with a time limit.
    Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(lines.get(timeout=seconds))
    except (OSError, ValueError, Empty):
        return None
    return answer if isinstance(answer, dict) else None
