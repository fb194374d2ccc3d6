"""Tables for measurements: one row per measured model, one row per chore in a measurement."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from server.store.tables import metadata

measurement = Table(
    "measurement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("measured_at", Float, nullable=False),
    Column("num_ctx", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("load_seconds", Float),
    Column("prompt_rate", Float, nullable=False),
    Column("generate_rate", Float, nullable=False),
    Column("speedup", Float, nullable=False),
    Index("ix_measurement_measured_at", "measured_at"),
)

chore = Table(
    "measured_chore",
    metadata,
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("category", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)
