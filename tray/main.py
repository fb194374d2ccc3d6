"""``token-saver``: the commands, and the app itself: hub, dashboard and tray icon in one process."""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from server.commands.app import Start, run_cli
from server.common.errors import TokenSaverError

if TYPE_CHECKING:
    from server.hub import Hub
    from server.web.dashboard_mount import Pages

logger = logging.getLogger(__name__)


def main() -> None:
    """Run a command, or the app where none is named."""
    _have_streams()
    run_cli(start_app, _missing_tray)


def start_app(start: Start) -> NoReturn:
    """Run the app until the user ends it; a second start shows the first one's dashboard instead.

    Raises:
        TokenSaverError: the app cannot start.
    """
    from server.commands.page import show_running  # noqa: PLC0415 - other commands shall not wait for it
    from server.web.instance import AlreadyRunning, claim  # noqa: PLC0415

    try:
        with claim(start.folders):
            _run(start)
    except AlreadyRunning as running:
        show_running(running.info, start.folders, with_page=start.tray and not start.background)
    _leave()


def _run(start: Start) -> None:
    # What is imported stays. To look for garbage among it takes a sixth of the start, and later a fifth of a
    # second each time, in which all threads stand still.
    gc.disable()
    # Imported here: it takes a second, which commands and second starts shall not wait for.
    from server.commands.welcome import say_no_tray, say_ready  # noqa: PLC0415
    from server.web.dashboard_mount import Pages  # noqa: PLC0415
    from server.web.serve import Signals, log_to_file, running_hub  # noqa: PLC0415

    log_to_file(start.settings, start.folders)
    pages = Pages()
    signals = Signals()
    with _errors_logged(), running_hub(start.settings, start.folders, pages) as hub:
        signals.end(hub)
        say_ready(hub, with_link=not start.background)
        _open_pages(hub, pages)
        gc.freeze()
        gc.enable()
        if start.tray:
            from tray.app import run_tray  # noqa: PLC0415
            from tray.toolkit import TrayUnavailable  # noqa: PLC0415

            try:
                run_tray(hub)
                return
            except TrayUnavailable as reason:
                say_no_tray(str(reason))
        hub.wait_for_quit()


def _open_pages(hub: "Hub", pages: "Pages") -> None:
    """Load the dashboard. The hub goes on without one where that fails: clients need no pages."""
    try:
        # Imported here: by now the hub answers clients, which shall not wait for it.
        from dashboard.app import build_dashboard  # noqa: PLC0415

        hub.submit(pages.open(build_dashboard(hub))).result()
    except Exception as error:
        logger.exception("the dashboard could not be loaded")
        hub.submit(pages.give_up(str(error))).result()


@contextlib.contextmanager
def _errors_logged() -> Iterator[None]:
    """Let the log say, too, what ended the app: who started it from a menu or at login sees nothing else."""
    try:
        yield
    except Exception as error:
        trace = None if isinstance(error, TokenSaverError) else error
        logger.critical("The app ends: %s", error, exc_info=trace)
        raise


def _have_streams() -> None:
    """Open the streams where there are none: ``pythonw``, which starts the app at login on Windows."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - to the end


def _missing_tray() -> str:
    from tray.host import missing_host  # noqa: PLC0415 - other commands shall not wait for it

    return missing_host()


def _leave() -> NoReturn:
    """End now. Threads of libraries that still wait for something must not hold up the end."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
