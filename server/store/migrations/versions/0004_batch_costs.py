"""The cost of a batch's calls, the batch of an offload, and the tokenizer family of checked figures."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("spent_output", "spent_input", "spent_share"):
        op.add_column("job", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("offload", sa.Column("job_id", sa.Text(), nullable=True))
    op.add_column("audit", sa.Column("family", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_offload_job_id", "offload", ["job_id"])
