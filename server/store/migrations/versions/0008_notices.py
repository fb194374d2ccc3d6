"""What was delivered with a result: changes that may not have been meant."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("offload_text", sa.Column("notices", sa.Text(), server_default="[]", nullable=False))
