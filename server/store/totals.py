"""Running totals that always equal the sums of the rows.

Triggers update ``total`` in the transaction that changes a row of ``offload``, so it is exact whatever the
order of changes and wherever a crash falls. Totals are kept by local day, tool, model and project: a page
of savings reads a few thousand rows however long the history is.
"""

from sqlalchemy import Connection, text

from server.store.records import OWN_CLIENTS
from server.store.tables import DIMENSIONS, MEASURES

RUNNING = "running"

# What one row adds to each measure; ``{r}`` is the row. Other measures are columns of the same name.
_AMOUNT = {
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
    """Install the triggers. If they are missing or of another version, recalculate all totals."""
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
    """Recalculate ``total`` from the rows."""
    connection.execute(text("DELETE FROM total"))
    connection.execute(text(f"INSERT INTO total ({_COLUMNS}) {totals_query()}"))


def totals_query(where: str = "1") -> str:
    """Return the query for the totals of the ended rows that satisfy ``where`` (for row ``o``)."""
    amounts = ", ".join(f"sum({_amount(measure, 'o')})" for measure in MEASURES)
    return (  # every part is a constant of this package
        f"SELECT {_KEY}, {amounts} FROM offload AS o "  # noqa: S608
        f"WHERE o.outcome <> '{RUNNING}' AND {where} GROUP BY {_KEY}"
    )


def add_to_removed(connection: Connection, where: str, values: dict[str, object]) -> None:
    """Add the totals of rows that are about to be deleted to ``removed``."""
    connection.execute(
        text(f"INSERT INTO removed ({_COLUMNS}) {totals_query(where)} {_conflict('+')}"), values
    )


def _amount(measure: str, row: str) -> str:
    return _AMOUNT.get(measure, f"{{r}}.{measure}").format(r=row)


def _conflict(sign: str) -> str:
    updates = ", ".join(f"{measure} = {measure} {sign} excluded.{measure}" for measure in MEASURES)
    return f"ON CONFLICT ({_KEY}) DO UPDATE SET {updates}"


def _add(row: str, sign: str) -> str:
    key = ", ".join(f"{row}.{dimension}" for dimension in DIMENSIONS)
    amounts = ", ".join(f"{sign}({_amount(measure, row)})" for measure in MEASURES)
    return (
        f"INSERT INTO total ({_COLUMNS}) SELECT {key}, {amounts} "
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
