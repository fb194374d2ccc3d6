"""Messages that a transcript was charged for, so that none is charged twice."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "charged_message",
        sa.Column("key", sa.Integer(), primary_key=True),
        sa.Column("owner", sa.Integer(), nullable=False),
    )
    op.create_index("ix_charged_message_owner", "charged_message", ["owner"])
