"""What the user's own calls would have saved if Claude had made them, by call and in the totals."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    for name in ("offload", "total", "removed"):
        op.add_column(name, sa.Column("would_save_tokens", sa.Integer(), server_default="0", nullable=False))
