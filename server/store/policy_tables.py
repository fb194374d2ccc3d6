"""Tables for the policy: rate limit counters, remembered approvals, and the audit trail.

Rows in ``trail`` are never changed. ``trail_end`` stores the start (``start``) and end (``head``) of its hash
chain: the number of rows before that point, and the hash of the last of them.
"""

from sqlalchemy import Column, Float, Index, Integer, Table, Text

from server.store.tables import metadata

counter = Table(
    "policy_counter",
    metadata,
    Column("key", Text, primary_key=True),
    Column("window_seconds", Integer, primary_key=True),
    Column("window_start", Integer, primary_key=True),
    Column("value", Float, nullable=False),
)

approval = Table(
    "policy_approval",
    metadata,
    Column("project", Text, primary_key=True),
    Column("tool", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("approved_at", Float, nullable=False),
)

trail = Table(
    "trail",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_trail_at", "at"),
    Index("ix_trail_kind", "kind"),
)

trail_end = Table(
    "trail_end",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)
