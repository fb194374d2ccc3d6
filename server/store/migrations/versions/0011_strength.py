"""What a result rests on: tests, examples, agreement of samples, or its form alone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("offload", sa.Column("strength", sa.Text(), server_default="", nullable=False))
