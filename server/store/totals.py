"""Running totals that always equal the sums of the rows.

Triggers update ``total`` in the same transaction that changes a row of ``offload`` or ``result_digest``, so
the totals stay exact whatever the order of changes, and despite crashes. Totals are kept by local day, tool,
model and project, so a savings page reads only a few thousand rows even if the history is long. A digest made
by the hook counts as a call to the tool ``digest hook``: returned, or failed if Claude came back for the full
text.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from server.store.records import OWN_CLIENTS
from server.store.tables import DIMENSIONS, MEASURES

RUNNING = "running"
DIGEST_TOOL = "digest hook"
"""The tool name under which digests of Claude Code's own results are counted."""

_OUTCOMES = ("delivered", "returned", "handed_back", "failed", "cancelled", "denied", "interrupted")
_SPARED = "{r}.spared_input + {r}.spared_output"
_SPENT = "{r}.spent_output + {r}.spent_input + {r}.spent_share"


@dataclass(frozen=True)
class _Rows:
    """A table whose rows are counted. ``amounts`` gives the SQL for what a row adds to a measure, with
    ``{r}`` for the row. Other measures are 0 if ``plain`` is False, otherwise columns of the same name.
    ``key`` holds the row's dimensions. ``ended`` is the condition for a row to count.
    """

    table: str
    triggers: str
    ended: str
    key: dict[str, str]
    amounts: dict[str, str]
    plain: bool

    def amount(self, measure: str, row: str) -> str:
        usual = f"{{r}}.{measure}" if self.plain else "0"
        return self.amounts.get(measure, usual).format(r=row)

    def keys(self, row: str) -> tuple[str, ...]:
        return tuple(self.key.get(name, f"{{r}}.{name}").format(r=row) for name in DIMENSIONS)

    def counts(self, row: str) -> str:
        return self.ended.format(r=row)


_OFFLOADS = _Rows(
    table="offload",
    triggers="total",
    ended=f"{{r}}.outcome <> '{RUNNING}'",
    key={},
    amounts={
        "offloads": "1",
        **{outcome: f"({{r}}.outcome = '{outcome}')" for outcome in _OUTCOMES},
        "losing": "({r}.net_tokens < 0)",
        "by_user": f"({{r}}.client IN ({', '.join(repr(client) for client in OWN_CLIENTS)}))",
        "spared_tokens": _SPARED,
        "spent_tokens": _SPENT,
        "audited": "({r}.audited_net_tokens IS NOT NULL)",
        "audited_estimate_tokens": "iif({r}.audited_net_tokens IS NULL, 0, {r}.net_tokens)",
        "audited_net_tokens": "coalesce({r}.audited_net_tokens, 0)",
        "audited_estimate_microusd": "iif({r}.audited_net_tokens IS NULL, 0, {r}.net_microusd)",
        "audited_net_microusd": "coalesce({r}.audited_net_microusd, 0)",
    },
    plain=True,
)
_DIGESTS = _Rows(
    table="result_digest",
    triggers="total_digest",
    ended="1",
    key={"tool": f"'{DIGEST_TOOL}'", "model": "''"},
    amounts={
        "offloads": "1",
        "returned": "({r}.loss = '')",
        "failed": "({r}.loss <> '')",
        "losing": "({r}.net_tokens < 0)",
        "spared_tokens": _SPARED,
        "spent_tokens": _SPENT,
        **{
            name: f"{{r}}.{name}"
            for name in ("net_tokens", "spared_microusd", "spent_microusd", "net_microusd")
        },
    },
    plain=False,
)
_KEY = ", ".join(DIMENSIONS)
_COLUMNS = f"{_KEY}, {', '.join(MEASURES)}"


def ensure_totals(connection: Connection) -> None:
    """Install the triggers. If they are missing or from another version, recalculate all totals."""
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
    for rows in (_OFFLOADS, _DIGESTS):
        connection.execute(text(f"INSERT INTO total ({_COLUMNS}) {_query(rows, '1')}"))


def totals_query(where: str = "1") -> str:
    """Return the query for the totals of ended offloads that satisfy ``where`` (for row ``o``)."""
    return _query(_OFFLOADS, where)


def digest_totals_query(where: str = "1") -> str:
    """Return the query for the totals of digests that satisfy ``where`` (for row ``o``)."""
    return _query(_DIGESTS, where)


def add_to_removed(connection: Connection, query: str, values: dict[str, object]) -> None:
    """Add to ``removed`` the totals that ``query`` returns for rows about to be deleted."""
    connection.execute(text(f"INSERT INTO removed ({_COLUMNS}) {query} {_conflict('+')}"), values)


def _query(rows: _Rows, where: str) -> str:
    key = ", ".join(f"{value} AS {name}" for name, value in zip(DIMENSIONS, rows.keys("o"), strict=True))
    amounts = ", ".join(f"sum({rows.amount(measure, 'o')})" for measure in MEASURES)
    return (  # every part is a constant of this package
        f"SELECT {key}, {amounts} FROM {rows.table} AS o "  # noqa: S608
        f"WHERE {rows.counts('o')} AND {where} GROUP BY {', '.join(rows.keys('o'))}"
    )


def _conflict(sign: str) -> str:
    updates = ", ".join(f"{measure} = {measure} {sign} excluded.{measure}" for measure in MEASURES)
    return f"ON CONFLICT ({_KEY}) DO UPDATE SET {updates}"


def _add(rows: _Rows, row: str, sign: str) -> str:
    amounts = ", ".join(f"{sign}({rows.amount(measure, row)})" for measure in MEASURES)
    return (
        f"INSERT INTO total ({_COLUMNS}) SELECT {', '.join(rows.keys(row))}, {amounts} "
        f"WHERE {rows.counts(row)} {_conflict('+')};"
    )


def _drop_empty(rows: _Rows, row: str) -> str:
    pairs = zip(DIMENSIONS, rows.keys(row), strict=True)
    key = " AND ".join(f"{dimension} = {value}" for dimension, value in pairs)
    return f"DELETE FROM total WHERE {key} AND offloads = 0;"  # noqa: S608


def _triggers_of(rows: _Rows) -> dict[str, str]:
    bodies = {
        "insert": _add(rows, "NEW", "+"),
        "update": f"{_add(rows, 'OLD', '-')} {_add(rows, 'NEW', '+')} {_drop_empty(rows, 'OLD')}",
        "delete": f"{_add(rows, 'OLD', '-')} {_drop_empty(rows, 'OLD')}",
    }
    return {
        f"{rows.triggers}_{when}": (
            f"CREATE TRIGGER {rows.triggers}_{when} AFTER {when.upper()} ON {rows.table} BEGIN {body} END"
        )
        for when, body in bodies.items()
    }


_TRIGGERS = {**_triggers_of(_OFFLOADS), **_triggers_of(_DIGESTS)}
