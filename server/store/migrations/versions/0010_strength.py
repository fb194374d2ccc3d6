"""What a result rests on: tests, examples, agreement of samples, or its form alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("offload", sa.Column("strength", sa.Text(), server_default="", nullable=False))
