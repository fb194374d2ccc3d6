"""Measurements of models on this machine."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("measured_at", sa.Float(), nullable=False),
        sa.Column("num_ctx", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("load_seconds", sa.Float(), nullable=True),
        sa.Column("prompt_rate", sa.Float(), nullable=False),
        sa.Column("generate_rate", sa.Float(), nullable=False),
        sa.Column("speedup", sa.Float(), nullable=False),
    )
    op.create_index("ix_measurement_measured_at", "measurement", ["measured_at"])
    op.create_table(
        "measured_chore",
        sa.Column(
            "measurement_id",
            sa.Integer(),
            sa.ForeignKey("measurement.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
    )
