"""Sessions that take part in a measured comparison, with the app or held out."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "session_arm",
        sa.Column("session", sa.Text(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("held_out", sa.Boolean(), nullable=False),
    )
