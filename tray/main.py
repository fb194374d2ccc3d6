"""``token-saver``: the commands, and the app itself: hub, dashboard and tray icon in one process."""

import logging
import os
import sys
from typing import NoReturn

from server.cli import Start, run_cli


def main() -> None:
    """Run a command, or the app where none is named."""
    run_cli(start_app)


def start_app(start: Start) -> NoReturn:
    """Run the app until the user ends it; a second start shows the first one's dashboard instead.

    Raises:
        TokenSaverError: the app cannot start.
    """
    # Imported here: `token-saver status` and its like need none of it and shall not wait for it.
    from dashboard.app import mount  # noqa: PLC0415

    from server.instance import AlreadyRunning  # noqa: PLC0415
    from server.serving import end_on_signals, log_to_file, running_hub  # noqa: PLC0415
    from server.welcome import say_no_tray, say_ready, show_running  # noqa: PLC0415
    from tray.app import run_tray  # noqa: PLC0415
    from tray.toolkit import TrayUnavailable  # noqa: PLC0415

    log_to_file(start.settings, start.folders)
    try:
        with running_hub(start.settings, start.folders, mount) as hub:
            end_on_signals(hub)
            say_ready(hub)
            if start.tray:
                try:
                    run_tray(hub)
                except TrayUnavailable as reason:
                    say_no_tray(str(reason))
                    hub.wait_for_quit()
            else:
                hub.wait_for_quit()
    except AlreadyRunning as running:
        show_running(running.info, start.folders, with_page=start.tray and not start.background)
    _leave()


def _leave() -> NoReturn:
    """End now. Threads of libraries that still wait for something must not hold up the end."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
