"""The menu's actions. None of them blocks, because the tray's thread must stay responsive to the desktop."""

import concurrent.futures
import contextlib
import logging
import threading
import time
import webbrowser
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from server.clients import advice, connect
from server.clients.bridge_command import bridge_command
from server.clients.config_change import connected, plan_connect, plan_disconnect
from server.clients.config_files import CLIENTS, Place, find_place
from server.common.days import midnight
from server.common.errors import HubUnreachable, NotFound, StoreError, TokenSaverError
from server.common.events import SettingsChanged
from server.config.autostart import Autostart
from server.gpu.hardware import read_machine
from server.hub import Hub
from server.ledger.savings import share_saved
from server.models.recommend import memory_room
from server.offload.values import STRENGTHS
from server.policy.approvals import EXTENTS, ApprovalAnswer, Extent
from server.store.reviews import Reviews
from tray.menu import Action, SystemState
from tray.notices import Notice

logger = logging.getLogger(__name__)


class Actions:
    """Carries out clicks. Errors are shown as notices through ``notify``. ``changed`` is called when the
    result of ``system_state`` may have changed.
    """

    def __init__(
        self,
        hub: Hub,
        autostart: Autostart | None,
        notify: Callable[[Notice], None],
        changed: Callable[[], None],
    ) -> None:
        self._hub = hub
        self._autostart = autostart
        self._notify = notify
        self._changed = changed
        self._share = ""
        self._to_review = 0

    def system_state(self) -> SystemState:
        """Return the system state, from a few small files and the free memory."""
        autostart = self._autostart.enabled() if self._autostart is not None else None
        machine = read_machine()
        loaded = self._hub.snapshot().engine.loaded
        held = sum((each.size_vram if machine.gpus else each.size) for each in loaded)
        room = memory_room(machine, held)
        return SystemState(autostart, tuple(_clients()), room, self._share, self._to_review)

    def refresh_history(self) -> None:
        """Read what the menu shows from the history: the share of today's bill, and the results to review.
        Returns immediately.
        """
        with contextlib.suppress(HubUnreachable):  # the app is ending
            self._hub.submit(self._read_history())

    async def _read_history(self) -> None:
        try:
            bill = (await self._hub.transcript_check.report()).bill
            to_review = await Reviews(self._hub.history.database, STRENGTHS).count()
        except StoreError as error:
            logger.info("the tray could not read the history: %s", error)
            return
        today = bill.days.get(midnight().date().isoformat(), 0)
        saved = self._hub.snapshot().saved_today
        share = share_saved(saved, today) if today else ""
        if (share, to_review) != (self._share, self._to_review):
            self._share, self._to_review = share, to_review
            self._changed()

    def run(self, action: Action) -> None:
        """Start an action. Its result shows up in a later snapshot."""
        match action.name:
            case "open":
                self.open_dashboard(action.target)
            case "unload":
                self._unload(action.target)
            case "pause":
                seconds = float(action.target)
                self._hub.pause(time.time() + seconds if seconds else 0.0)
            case "resume":
                self._hub.resume()
            case "connect":
                self._in_thread(self._toggle_client, action.target)
            case "autostart":
                self._toggle_autostart()
            case "about":
                self._about()
            case "approve" | "deny":
                self._answer(action)
            case "quit":
                self._hub.request_quit()
            case "load" | "cancel" | "undo" | "pause-batch" | "resume-batch" | "cancel-batch":
                self._submit(self._work(action))

    def _work(self, action: Action) -> Coroutine[Any, Any, Any]:
        """Return the coroutine with which the hub carries out the action."""
        works: dict[str, Callable[[str], Coroutine[Any, Any, Any]]] = {
            "load": self._hub.engine.load,
            "cancel": self._hub.offloader.cancel,
            "undo": self._hub.undo,
            "pause-batch": self._hub.batches.pause,
            "resume-batch": self._hub.batches.resume,
            "cancel-batch": self._hub.batches.cancel,
        }
        return works[action.name](action.target)

    def _answer(self, action: Action) -> None:
        extents: dict[str, Extent] = {extent: extent for extent in EXTENTS}
        extent = extents.get(action.extent, "once")
        answer = ApprovalAnswer(approved=action.name == "approve", extent=extent, by="tray")
        if not self._hub.gate.approvals.answer(action.target, answer):
            self._notify(
                Notice("Already answered", "Someone else answered this call, or its time limit passed.")
            )

    def open_dashboard(self, page: str = "") -> None:
        """Open a dashboard page in the user's browser and log the user in. The default is the first page."""
        # Some browsers start in the foreground and would block.
        self._in_thread(webbrowser.open, self._hub.login_link(page))

    def _unload(self, model: str) -> None:
        loaded = [model] if model else [each.name for each in self._hub.snapshot().engine.loaded]
        for name in loaded:
            self._submit(self._hub.engine.unload(name))

    def _in_thread(self, work: Callable[[str], object], argument: str) -> None:
        threading.Thread(target=work, args=(argument,), name="tray-action", daemon=True).start()

    def _toggle_client(self, client: str) -> None:
        try:
            place = next(place for place in _places() if place.client == client)
            if connected(place) is None:
                connect.turn_on(plan_connect(place), self._hub.folders)
                self._notify(Notice("Connected", f"Restart {client} to use token-saver there."))
            else:
                connect.turn_off(plan_disconnect(place, self._hub.folders), self._hub.folders)
                if client == "claude-code":
                    advice.take_out(advice.KINDS, "user", self._hub.folders)
                self._notify(Notice("Disconnected", f"{client} no longer uses token-saver."))
        except (TokenSaverError, OSError) as error:
            self._notify(Notice("Action failed", str(error)))
        self._changed()

    def _toggle_autostart(self) -> None:
        if self._autostart is None:
            return
        try:
            if self._autostart.enabled():
                self._autostart.disable()
            else:
                self._autostart.enable()
            self._hub.events.publish(SettingsChanged("start at login", self._autostart.where))
        except OSError as error:
            self._notify(Notice("Start at login", f"The entry could not be changed: {error}."))
        self._changed()

    def _about(self) -> None:
        snapshot = self._hub.snapshot()
        engine = snapshot.engine.label or "No engine"
        self._notify(Notice(f"Claude Token Saver {snapshot.version}", f"{engine}\n{snapshot.url}"))

    def _submit(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            future = self._hub.submit(work)
        except TokenSaverError as error:
            self._notify(Notice("Action failed", str(error)))
            return
        future.add_done_callback(self._report)

    def _report(self, future: "concurrent.futures.Future[Any]") -> None:
        if future.cancelled() or (error := future.exception()) is None:
            return
        if isinstance(error, TokenSaverError):
            self._notify(Notice("Action failed", f"{error.cause} {error.next_step}"))
        else:
            logger.error("a menu entry failed", exc_info=error)
            self._notify(
                Notice("Action failed", "Unexpected error. Details are in the log (`token-saver logs`).")
            )


def _clients() -> Iterator[tuple[str, bool]]:
    for place in _places():
        yield place.client, connected(place) is not None


def _places() -> Iterator[Place]:
    """Yield the configuration file of each installed client."""
    for client in CLIENTS:
        with contextlib.suppress(NotFound):
            yield find_place(client, "user", bridge_command())
