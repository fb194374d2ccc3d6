"""Pending approvals, gathered from the hub's events."""

import threading

from server.common.events import ApprovalAnswered, ApprovalRequested, Event


class ApprovalWatch:
    """Tracks unanswered requests. All methods can be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, ApprovalRequested] = {}

    def take(self, event: Event) -> bool:
        """Process an event. Return whether the pending requests changed."""
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
        """Return the pending requests, oldest first."""
        with self._lock:
            return tuple(self._waiting.values())
