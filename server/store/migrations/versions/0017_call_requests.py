"""Requests that sent the result of a call again, by transcript."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "call_requests",
        sa.Column("tool_use_id", sa.Text(), primary_key=True),
        sa.Column("owner", sa.Integer(), primary_key=True),
        sa.Column("requests", sa.Integer(), nullable=False),
    )
