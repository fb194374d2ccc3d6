"""Indexes for the history's order by time and its filter by the strength of the check."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    for name in ("seconds", "strength"):
        op.create_index(f"ix_offload_{name}", "offload", [name], unique=False)
