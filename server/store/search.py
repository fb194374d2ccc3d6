"""Full-text search in tasks and file names, using FTS5 if this build of SQLite has it.

The index refers to the text in ``offload`` and is maintained by triggers. Words match by prefix (``slug``
finds ``slugify.py``). If there are several words, all must match, in any order.
"""

import re

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

_WORD = re.compile(r"\w+")
_INSERT = "INSERT INTO offload_search(rowid, task, names) VALUES (NEW.seq, NEW.task, NEW.names);"
_DELETE = (
    "INSERT INTO offload_search(offload_search, rowid, task, names) "
    "VALUES ('delete', OLD.seq, OLD.task, OLD.names);"
)
_TRIGGERS = {
    "search_insert": f"CREATE TRIGGER search_insert AFTER INSERT ON offload BEGIN {_INSERT} END",
    "search_update": (
        "CREATE TRIGGER search_update AFTER UPDATE OF task, names ON offload "
        f"WHEN OLD.task <> NEW.task OR OLD.names <> NEW.names BEGIN {_DELETE} {_INSERT} END"
    ),
    "search_delete": f"CREATE TRIGGER search_delete AFTER DELETE ON offload BEGIN {_DELETE} END",
}
_TABLE = """
CREATE VIRTUAL TABLE offload_search USING fts5(
    task, names, content='offload', content_rowid='seq',
    tokenize="unicode61 remove_diacritics 2", prefix='1 2 3'
)"""


def ensure_search(connection: Connection) -> bool:
    """Install the index and its triggers. Return whether this SQLite build supports them.

    A build without FTS5 can use a database created with it: the triggers are dropped, and the index is
    rebuilt when they are installed again.
    """
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name LIKE '%search%'"))
    found = {row.name: row.sql for row in rows}
    supported = _has_fts5(connection)
    wanted = _TRIGGERS if supported else {}
    triggers = {name: sql for name, sql in found.items() if name in _TRIGGERS}
    if triggers == wanted:
        return supported
    for name in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    if not supported:
        return False
    if "offload_search" not in found:
        connection.exec_driver_sql(_TABLE)
    for sql in _TRIGGERS.values():
        connection.exec_driver_sql(sql)
    connection.execute(text("INSERT INTO offload_search(offload_search) VALUES ('rebuild')"))
    return True


def match_expression(search: str) -> str:
    """Return the user's text as an FTS5 query; empty if it contains no words."""
    return " AND ".join(f'"{word}"*' for word in _words(search))


def like_patterns(search: str) -> tuple[str, ...]:
    """Return ``LIKE`` patterns that must all match, for SQLite builds without FTS5."""
    return tuple(f"%{word}%" for word in _words(search))


def _words(search: str) -> list[str]:
    # The tokenizer splits at underscores, which \w would accept as part of a word.
    return _WORD.findall(search.replace("_", " "))


def _has_fts5(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("SELECT fts5_source_id()").scalar()
    except OperationalError:
        return False
    return True
