"""Tables for batches: one row per job, one row per item."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from server.store.tables import metadata

job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("task", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("tool_use_id", Text),
    Column("project", Text, nullable=False),
    Column("roots", Text, nullable=False),
    Column("sequential", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("deadline", Float),
    Column("token_budget", Integer, nullable=False, server_default="0"),
    # Tokens, and turns in thousandths, that the calls of the batch have cost Claude so far.
    Column("spent_output", Integer, nullable=False, server_default="0"),
    Column("spent_input", Integer, nullable=False, server_default="0"),
    Column("spent_share", Integer, nullable=False, server_default="0"),
    Column("spent_turns", Integer, nullable=False, server_default="0"),
    Column("held", Boolean, key="user_locked", nullable=False, server_default="0"),
    Index("ix_job_state", "state"),
    Index("ix_job_created_at", "created_at"),
)

# ``output`` repeats the output in the arguments, because two items that write the same file never run in
# parallel.
item = Table(
    "job_item",
    metadata,
    Column("job_id", ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("arguments", Text, nullable=False),
    Column("output", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("offload_id", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("code", Text, nullable=False, server_default=""),
    Column("summary", Text, nullable=False, server_default=""),
    Column("tokens", Integer, nullable=False, server_default="0"),
    Column("net_tokens", Integer, nullable=False, server_default="0"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("held", Boolean, key="user_locked", nullable=False, server_default="0"),
    Index("ix_job_item_state", "job_id", "state", "position"),
)
