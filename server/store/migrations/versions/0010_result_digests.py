"""Digests that took the place of tool results."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "result_digest",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("tool_use_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("facts_key", sa.Text(), nullable=False),
        sa.Column("kept_path", sa.Text(), server_default="", nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("whole_tokens", sa.Integer(), nullable=False),
        sa.Column("shown_tokens", sa.Integer(), nullable=False),
        sa.Column("digest_tokens", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("loss", sa.Text(), server_default="", nullable=False),
    )
    op.create_index("ix_result_digest_session", "result_digest", ["session"])
    op.create_index("ix_result_digest_at", "result_digest", ["at"])
    op.create_table(
        "result_left_alone",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
