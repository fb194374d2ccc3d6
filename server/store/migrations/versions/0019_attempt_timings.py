"""When each attempt began, and how long each of its stages took."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("attempt", sa.Column("timings", sa.Text(), server_default="{}", nullable=False))
