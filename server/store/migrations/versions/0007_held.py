"""Marks of batches that the user paused or cancelled, and of items that the user cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("job", "job_item"):
        op.add_column(name, sa.Column("held", sa.Boolean(), server_default="0", nullable=False))
