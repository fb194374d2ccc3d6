"""What the command palette finds besides pages and commands: settings, models and recent tasks."""

from collections.abc import Iterator

from dashboard import formats
from dashboard.components.settings.plain_names import CHOICES, NAMES
from server.common.errors import StoreError
from server.hub import Hub
from server.store.records import OffloadFilter

RECENT = 100
"""Number of the latest tasks that are found."""
Entry = dict[str, str]
"""``name`` is shown with ``hint``; ``words`` are also searched; ``path`` is the page to open."""


async def entries(hub: Hub) -> list[Entry]:
    """Return the entries: settings, then models, then tasks, latest first."""
    found = [*_settings(), _entry("Add a model", "Models", "/models", "download install")]
    installed = hub.snapshot().engine.installed
    found += [_entry(formats.model_name(each.name), "Model", "/models", each.name) for each in installed]
    try:
        rows = await hub.history.page(OffloadFilter(), RECENT)
    except StoreError:  # the pages show the error
        rows = ()
    tasks = (
        _entry(formats.one_line(row.task, 90), "Task", f"/offload/{row.id}", row.output or "") for row in rows
    )
    return [*found, *tasks]


def _settings() -> Iterator[Entry]:
    for key, words in NAMES.items():
        also = f"{key} {words.about} {' '.join(CHOICES.get(key, {}).values())}"
        yield _entry(words.name, "Setting", f"/settings?find={key}", also)


def _entry(name: str, hint: str, path: str, words: str) -> Entry:
    return {"name": name, "hint": hint, "path": path, "words": words}
