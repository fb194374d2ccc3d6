"""``token-saver``: the commands, and the app with hub, dashboard and tray icon in one process."""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from server.commands.app import Start, run_cli
from server.common.errors import TokenSaverError

if TYPE_CHECKING:
    from server.hub import Hub
    from server.web.dashboard_mount import Dashboard

logger = logging.getLogger(__name__)


def main() -> None:
    """Run a command, or the app if no command is given."""
    _have_streams()
    run_cli(start_app, _missing_tray)


def start_app(start: Start) -> NoReturn:
    """Run the app until the user quits. If it is already running, open its dashboard instead.

    Raises:
        TokenSaverError: the app cannot start.
    """
    from server.commands.terminal.page import show_running  # noqa: PLC0415 - other commands must not wait for it
    from server.web.instance import AlreadyRunning, claim  # noqa: PLC0415

    try:
        with claim(start.folders):
            restart = _run(start)
    except AlreadyRunning as running:
        show_running(running.info, start.folders, with_page=start.tray and not start.background)
        restart = False
    if restart:
        _start_again()
    _leave()


def _run(start: Start) -> bool:
    """Run the hub with its pages and icon until it is asked to quit. Return whether to start again."""
    # Imported modules stay in memory. Garbage collection among them takes a sixth of the start, and later
    # stops all threads for a fifth of a second each time.
    gc.disable()
    # Imported here, because commands and second starts must not wait a second for this import.
    from server.commands.welcome import say_no_tray, say_ready  # noqa: PLC0415
    from server.web.dashboard_mount import Pages  # noqa: PLC0415
    from server.web.log_file import log_to_file  # noqa: PLC0415
    from server.web.serve import Signals, running_hub  # noqa: PLC0415

    log_to_file(start.settings, start.folders)
    pages = Pages()
    signals = Signals()
    with _errors_logged(), running_hub(start.settings, start.folders, pages) as hub:
        signals.end(hub)
        say_ready(hub, with_link=not start.background)
        hub.submit(pages.build_with(partial(_build_dashboard, hub))).result()
        gc.freeze()
        gc.enable()
        if start.tray:
            from tray.app import run_tray  # noqa: PLC0415
            from tray.toolkit import TrayUnavailable  # noqa: PLC0415

            try:
                run_tray(hub)
                return hub.restart_requested
            except TrayUnavailable as reason:
                say_no_tray(str(reason))
        hub.wait_for_quit()
        return hub.restart_requested


def _build_dashboard(hub: "Hub") -> "Dashboard":
    from dashboard.app import build_dashboard  # noqa: PLC0415 - only a browser needs the pages

    return build_dashboard(hub)


@contextlib.contextmanager
def _errors_logged() -> Iterator[None]:
    """Log the error that ended the app. When started from a menu or at login, the log is the only trace."""
    try:
        yield
    except Exception as error:
        trace = None if isinstance(error, TokenSaverError) else error
        logger.critical("the app ended: %s", error, exc_info=trace)
        raise


def _have_streams() -> None:
    """Open missing standard streams. ``pythonw``, which starts the app at login on Windows, has none."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open until exit


def _missing_tray() -> str:
    from tray.host import missing_host  # noqa: PLC0415 - other commands must not wait for it

    return missing_host()


def _start_again() -> NoReturn:
    """Replace this process with a new one running the same command."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same command again


def _leave() -> NoReturn:
    """Exit now, without waiting for threads started by libraries."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
