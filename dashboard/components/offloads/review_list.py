"""The list of results awaiting review."""

from collections.abc import Callable, Sequence
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.elements import box, icon, set_classes, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from server.store.reviews import Unreviewed


class ReviewList:
    """One button per result. ``choose`` receives the id of the result that was clicked."""

    def __init__(self, choose: Callable[[str], None]) -> None:
        self._entries: dict[str, _Entry] = {}
        self._list = KeyedList[Unreviewed](
            box("ts-review-list", "ul"), lambda each: each.row.id, lambda each: self._make(each, choose)
        )

    def update(self, items: Sequence[Unreviewed], chosen: str) -> None:
        """Show these results and mark the chosen one."""
        self._list.update(items)
        for offload_id, entry in self._entries.items():
            entry.mark(chosen=offload_id == chosen)

    def _make(self, item: Unreviewed, choose: Callable[[str], None]) -> "_Entry":
        entry = self._entries[item.row.id] = _Entry(item, choose)
        return entry


class _Entry:
    def __init__(self, item: Unreviewed, choose: Callable[[str], None]) -> None:
        with box("", "li") as self.element, box("ts-review-item", "button") as self._button:
            self._button.props["type"] = "button"
            self._button.on("click", lambda: choose(item.row.id))
            with box("ts-review-name", "span"):
                if item.notices:
                    icon("warning", "ts-review-warning")
                text(PurePath(item.row.output or item.row.id).name, "ts-task", title=item.row.output or "")
            self._about = text("", "ts-sub")

    def update(self, item: Unreviewed) -> None:
        notices = formats.count(len(item.notices), "notice") if item.notices else ""
        added, removed = item.changed
        lines = f"+{added} {formats.MINUS}{removed}" if item.diff else ""
        about = (notices, lines, item.row.strength, _folder(item), formats.one_line(item.row.task, 60))
        self._about.set_text(" · ".join(part for part in about if part))

    def mark(self, *, chosen: bool) -> None:
        """Mark the entry currently shown."""
        if self.element.is_deleted:
            return
        set_prop(self._button, "aria-current", "true" if chosen else "false")
        set_classes(self._button, "ts-review-item ts-review-chosen" if chosen else "ts-review-item")


def _folder(item: Unreviewed) -> str:
    """Return the folder of the file, which begins with its project."""
    place = PurePath(item.row.output or "")
    if place.is_absolute():
        return ""
    folder = PurePath(PurePath(item.row.project).name, place.parent)
    return f"{folder}/" if folder.parts else ""
