"""The user's verdict on a written result."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("offload", sa.Column("reviewed", sa.Text(), server_default="", nullable=False))
