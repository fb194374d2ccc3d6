"""The kind of chore of an offload: what a model is good at is counted by kind."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("offload", sa.Column("chore_kind", sa.Text(), server_default="", nullable=False))
