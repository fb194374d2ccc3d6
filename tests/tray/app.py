"""The real app, started as by a user, in its own session."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.bridge.discovery import HubInfo, wait_for_hub
from tests.forks import program
from tests.hub_process import START_SECONDS, STOP_SECONDS
from tests.tray.panel import SessionBus


@dataclass(frozen=True)
class App:
    """The process and its hub."""

    process: "subprocess.Popen[bytes]"
    info: HubInfo
    home: Path

    @property
    def output(self) -> str:
        """The output so far."""
        return (self.home / "output.log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def running_app(home: Path, session: SessionBus | None, engine_url: str, **settings: str) -> Iterator[App]:
    """Run ``token-saver`` in ``session`` (None: without one), with its files in ``home``."""
    environ = (
        dict(session.environment) if session is not None else {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    )
    environ |= {
        "TOKEN_SAVER_HOME": str(home),
        "TOKEN_SAVER_PORT": "0",
        "TOKEN_SAVER_OFFLOAD__RUN_CODE": "false",  # the stand-in's code is not meant to run
        "TOKEN_SAVER_OFFLOAD__LEAST_RIGHT_UNRUN": "0",
        "TOKEN_SAVER_BACKEND__KIND": "ollama",
        "TOKEN_SAVER_BACKEND__URL": engine_url,
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    with (home / "output.log").open("wb") as output:
        process = program.start(env=environ, cwd=home, stdout=output, stderr=output)
    try:
        info = wait_for_hub(str(home), process, START_SECONDS)
        assert info is not None, (home / "output.log").read_text(errors="replace")
        yield App(process, info, home)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
