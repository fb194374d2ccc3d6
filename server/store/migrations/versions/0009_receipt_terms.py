"""Turns of a receipt, and the formula, prices and habits behind its money; empty terms mean formula 1."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in ("offload", "audit"):
        for name in ("spared_turns", "spent_turns"):
            op.add_column(table, sa.Column(name, sa.Integer(), server_default="0", nullable=False))
        op.add_column(table, sa.Column("terms", sa.Text(), server_default="", nullable=False))
    op.add_column("job", sa.Column("spent_turns", sa.Integer(), server_default="0", nullable=False))
