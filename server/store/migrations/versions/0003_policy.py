"""Policy: counters, remembered approvals, the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "policy_counter",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("window_seconds", sa.Integer(), primary_key=True),
        sa.Column("window_start", sa.Integer(), primary_key=True),
        sa.Column("value", sa.Float(), nullable=False),
    )
    op.create_table(
        "policy_approval",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("tool", sa.Text(), primary_key=True),
        sa.Column("rule", sa.Text(), primary_key=True),
        sa.Column("approved_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "trail",
        sa.Column("seq", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("kind", "tool", "client", "session", "project", "verdict", "text", "details", "hash")
        ),
    )
    op.create_index("ix_trail_at", "trail", ["at"])
    op.create_index("ix_trail_kind", "trail", ["kind"])
    op.create_table(
        "trail_end",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
