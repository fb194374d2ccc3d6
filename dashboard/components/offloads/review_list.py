"""The list of results awaiting review."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from dashboard import formats
from dashboard.components.controls.button import button
from dashboard.components.controls.card import card, empty
from dashboard.components.controls.elements import box, icon, link, set_classes, set_prop, text
from dashboard.components.controls.keyed_list import KeyedList
from server.store.reviews import Unreviewed

NOTHING = "Files that the local model writes appear here until you keep or undo them."


@dataclass(frozen=True)
class BatchGroup:
    """The results of one batch that wait for review, riskiest first."""

    job_id: str
    items: tuple[Unreviewed, ...]


@dataclass(frozen=True)
class GroupActions:
    """What the buttons of a batch's heading do. Each receives the batch's waiting results."""

    keep: Callable[[BatchGroup], Awaitable[None]]
    undo: Callable[[BatchGroup], Awaitable[None]]


def by_batch(items: Sequence[Unreviewed]) -> tuple[Unreviewed, ...]:
    """Return the results with those of a batch together, at the place of the batch's first result."""
    groups: dict[str, list[Unreviewed]] = {}
    for each in items:
        groups.setdefault(each.job_id or each.row.id, []).append(each)
    return tuple(each for group in groups.values() for each in group)


class ReviewList:
    """One button per result, and a heading per batch with several results.

    ``choose`` receives the id of the result that was clicked.
    """

    def __init__(self, choose: Callable[[str], None], actions: GroupActions) -> None:
        self._entries: dict[str, _Entry] = {}
        self._choose, self._actions = choose, actions
        self._list = KeyedList[Unreviewed | BatchGroup](box("ts-review-list", "ul"), _key, self._make)

    def update(self, items: Sequence[Unreviewed], chosen: str) -> None:
        """Show these results, which are in the order of ``by_batch``, and mark the chosen one."""
        counts = Counter(each.job_id for each in items if each.job_id)
        shown: list[Unreviewed | BatchGroup] = []
        headed = set[str]()
        for each in items:
            if counts[each.job_id] > 1 and each.job_id not in headed:
                headed.add(each.job_id)
                shown.append(
                    BatchGroup(each.job_id, tuple(one for one in items if one.job_id == each.job_id))
                )
            shown.append(each)
        self._list.update(shown)
        for offload_id, entry in self._entries.items():
            entry.mark(chosen=offload_id == chosen)
        for each in items:
            set_classes(self._entries[each.row.id].element, "ts-review-part" if each.job_id in headed else "")

    def _make(self, item: Unreviewed | BatchGroup) -> "_Entry | _Heading":
        if isinstance(item, BatchGroup):
            return _Heading(item, self._actions)
        entry = self._entries[item.row.id] = _Entry(item, self._choose)
        return entry


def _key(item: Unreviewed | BatchGroup) -> tuple[str, str]:
    return ("batch", item.job_id) if isinstance(item, BatchGroup) else ("result", item.row.id)


class _Heading:
    def __init__(self, group: BatchGroup, actions: GroupActions) -> None:
        self._group = group
        with box("ts-review-group", "li") as self.element:
            self._name = link(f"/batch/{group.job_id}", "ts-review-batch")
            self._keep = button("", lambda: actions.keep(self._group), look="quiet")
            self._undo = button("", lambda: actions.undo(self._group), look="quiet")

    def update(self, group: Unreviewed | BatchGroup) -> None:
        if not isinstance(group, BatchGroup):
            raise TypeError("a heading shows a batch")
        self._group = group
        count = formats.number(len(group.items))
        self._name.set_text(f"Batch: {formats.count(len(group.items), 'file')}")
        for made, words in ((self._keep, f"Keep all ({count})"), (self._undo, f"Undo all ({count})…")):
            made.set_text(words)
            set_prop(made, "aria-label", f"{words} of the batch")
        self._undo.set_visibility(any(each.undoable for each in group.items))


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

    def update(self, item: Unreviewed | BatchGroup) -> None:
        if not isinstance(item, Unreviewed):
            raise TypeError("an entry shows a result")
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


def show_end(heading: str, words: str) -> None:
    """Say that nothing waits, and offer a way on. Both texts are empty if nothing was reviewed here."""
    with card(heading or "Nothing to review"):
        empty(f"{words} New files appear here as soon as the local model writes them." if words else NOTHING)
        with box("ts-actions"):
            link("/", "ts-btn-link", "Now")
            link("/history", "ts-btn-link", "All offloads")
