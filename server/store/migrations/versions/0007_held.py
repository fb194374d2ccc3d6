"""Whether it was the user who paused or cancelled a batch, or cancelled an item."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for name in ("job", "job_item"):
        op.add_column(name, sa.Column("held", sa.Boolean(), server_default="0", nullable=False))
