"""Running totals that cannot disagree with the rows.

Triggers keep ``total`` inside the very transaction that changes a row of ``offload``: whatever the order
of arrival, and wherever a crash falls, it is the exact sum. Sums are by local day, tool, model and
project, so that every page of savings reads some thousand rows however long the history is.
"""

from sqlalchemy import Connection, text

from server.store.records import OWN_CLIENTS
from server.store.tables import DIMENSIONS, MEASURES

RUNNING = "running"

# What one row adds to each measure; ``{r}`` is the row. What is not listed is a column of that name.
_SHARE = {
    "offloads": "1",
    **{
        outcome: f"({{r}}.outcome = '{outcome}')"
        for outcome in (
            "delivered",
            "returned",
            "handed_back",
            "failed",
            "cancelled",
            "denied",
            "interrupted",
        )
    },
    "losing": "({r}.net_tokens < 0)",
    "by_user": f"({{r}}.client IN ({', '.join(repr(client) for client in OWN_CLIENTS)}))",
    "spared_tokens": "{r}.spared_input + {r}.spared_output",
    "spent_tokens": "{r}.spent_output + {r}.spent_input + {r}.spent_share",
    "audited": "({r}.audited_net_tokens IS NOT NULL)",
    "audited_estimate_tokens": "iif({r}.audited_net_tokens IS NULL, 0, {r}.net_tokens)",
    "audited_net_tokens": "coalesce({r}.audited_net_tokens, 0)",
    "audited_estimate_microusd": "iif({r}.audited_net_tokens IS NULL, 0, {r}.net_microusd)",
    "audited_net_microusd": "coalesce({r}.audited_net_microusd, 0)",
}
_KEY = ", ".join(DIMENSIONS)
_COLUMNS = f"{_KEY}, {', '.join(MEASURES)}"


def ensure_totals(connection: Connection) -> None:
    """Install the triggers; where they are missing or of another version, sum everything anew."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    found = {row.name: row.sql for row in rows if row.name.startswith("total_")}
    if found == _TRIGGERS:
        return
    for name in found:
        connection.execute(text(f"DROP TRIGGER {name}"))
    for sql in _TRIGGERS.values():
        connection.exec_driver_sql(sql)
    rebuild(connection)


def rebuild(connection: Connection) -> None:
    """Set ``total`` to the sums of the rows."""
    connection.execute(text("DELETE FROM total"))
    connection.execute(text(f"INSERT INTO total ({_COLUMNS}) {sums_of_rows()}"))


def sums_of_rows(where: str = "1") -> str:
    """Return the query for the sums of the ended rows that satisfy ``where`` (of row ``o``)."""
    shares = ", ".join(f"sum({_share(measure, 'o')})" for measure in MEASURES)
    return (  # every part is a constant of this package
        f"SELECT {_KEY}, {shares} FROM offload AS o "  # noqa: S608
        f"WHERE o.outcome <> '{RUNNING}' AND {where} GROUP BY {_KEY}"
    )


def keep_sums(connection: Connection, where: str, values: dict[str, object]) -> None:
    """Add the sums of rows that are about to be deleted to ``removed``."""
    connection.execute(
        text(f"INSERT INTO removed ({_COLUMNS}) {sums_of_rows(where)} {_conflict('+')}"), values
    )


def _share(measure: str, row: str) -> str:
    return _SHARE.get(measure, f"{{r}}.{measure}").format(r=row)


def _conflict(sign: str) -> str:
    updates = ", ".join(f"{measure} = {measure} {sign} excluded.{measure}" for measure in MEASURES)
    return f"ON CONFLICT ({_KEY}) DO UPDATE SET {updates}"


def _add(row: str, sign: str) -> str:
    key = ", ".join(f"{row}.{dimension}" for dimension in DIMENSIONS)
    shares = ", ".join(f"{sign}({_share(measure, row)})" for measure in MEASURES)
    return (
        f"INSERT INTO total ({_COLUMNS}) SELECT {key}, {shares} "
        f"WHERE {row}.outcome <> '{RUNNING}' {_conflict('+')};"
    )


def _drop_empty(row: str) -> str:
    key = " AND ".join(f"{dimension} = {row}.{dimension}" for dimension in DIMENSIONS)
    return f"DELETE FROM total WHERE {key} AND offloads = 0;"  # noqa: S608


_TRIGGERS = {
    "total_insert": f"CREATE TRIGGER total_insert AFTER INSERT ON offload BEGIN {_add('NEW', '+')} END",
    "total_update": (
        f"CREATE TRIGGER total_update AFTER UPDATE ON offload BEGIN "
        f"{_add('OLD', '-')} {_add('NEW', '+')} {_drop_empty('OLD')} END"
    ),
    "total_delete": (
        f"CREATE TRIGGER total_delete AFTER DELETE ON offload BEGIN "
        f"{_add('OLD', '-')} {_drop_empty('OLD')} END"
    ),
}
