"""The calls that wait for the user, kept from the hub's events."""

import threading

from server.common.events import ApprovalAnswered, ApprovalRequested, Event


class ApprovalWatch:
    """Keeps the requests that nobody has answered yet. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, ApprovalRequested] = {}

    def take(self, event: Event) -> bool:
        """Take in an event; return whether what waits is another now."""
        with self._lock:
            match event:
                case ApprovalRequested():
                    self._waiting[event.approval_id] = event
                case ApprovalAnswered():
                    self._waiting.pop(event.approval_id, None)
                case _:
                    return False
        return True

    def waiting(self) -> tuple[ApprovalRequested, ...]:
        """Return the requests, the oldest first."""
        with self._lock:
            return tuple(self._waiting.values())
