"""Tables for digests that replaced tool results, and for kinds of results that are not digested."""

from sqlalchemy import Column, Float, Index, Integer, Table, Text

from server.store.tables import RECEIPT_FIGURES, metadata

result_digest = Table(
    "result_digest",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("project", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("tool_use_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    Column("source_key", Text, nullable=False),
    Column("facts_key", Text, nullable=False),
    Column("kept_path", Text, nullable=False, server_default=""),
    Column("handle", Text, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("whole_tokens", Integer, nullable=False),
    Column("shown_tokens", Integer, nullable=False),
    Column("digest_tokens", Integer, nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Column("loss", Text, nullable=False, server_default=""),
    Column("day", Text, nullable=False, server_default=""),
    Column("family", Text, nullable=False, server_default=""),
    Column("price_model", Text, nullable=False, server_default=""),
    *(Column(figure, Integer, nullable=False, server_default="0") for figure in RECEIPT_FIGURES),
    Column("terms", Text, nullable=False, server_default=""),
    Index("ix_result_digest_session", "session"),
    Index("ix_result_digest_at", "at"),
)

# ``project`` is empty for a kind that the user switched off everywhere.
result_left_alone = Table(
    "result_left_alone",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("reason", Text, nullable=False),
)
