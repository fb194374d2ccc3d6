"""The number of offloads that the user started, in the totals; triggers fill it in (see ``totals.py``)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for name in ("total", "removed"):
        op.add_column(name, sa.Column("by_user", sa.Integer(), server_default="0", nullable=False))
