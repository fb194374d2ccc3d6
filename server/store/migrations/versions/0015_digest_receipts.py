"""Receipts of the digests that took the place of tool results. Older ones keep their tokens; they were never
priced, so their money is 0."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

FIGURES = (
    "spared_input",
    "spared_output",
    "spent_output",
    "spent_input",
    "spent_share",
    "net_tokens",
    "spared_microusd",
    "spent_microusd",
    "net_microusd",
    "spared_turns",
    "spent_turns",
)


def upgrade() -> None:
    for name in ("day", "family", "price_model"):
        op.add_column("result_digest", sa.Column(name, sa.Text(), server_default="", nullable=False))
    for name in FIGURES:
        op.add_column("result_digest", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("result_digest", sa.Column("terms", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE result_digest SET day = date(at, 'unixepoch', 'localtime'), "
        "spared_input = iif(loss = '', shown_tokens, 0), spent_input = digest_tokens, "
        "net_tokens = iif(loss = '', shown_tokens, 0) - digest_tokens"
    )
