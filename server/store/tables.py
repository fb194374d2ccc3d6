"""Tables for the history. Instants are seconds since the epoch; money is in micro-dollars.

``offload`` holds the columns needed for lists, filters and totals in narrow rows; long text is in separate
tables, joined by ``seq``. ``seq`` increases in order of arrival and orders every list. Triggers maintain the
totals of the rows in ``total`` (see ``totals.py``); ``removed`` holds the totals of rows removed by
retention, so that the overall savings do not shrink.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

RECEIPT_FIGURES = (
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
MEASURES = (
    "offloads",
    "delivered",
    "returned",
    "handed_back",
    "failed",
    "cancelled",
    "denied",
    "interrupted",
    "losing",
    "by_user",
    "would_save_tokens",
    "prompt_tokens",
    "completion_tokens",
    "spared_tokens",
    "spent_tokens",
    "net_tokens",
    "spared_microusd",
    "spent_microusd",
    "net_microusd",
    "audited",
    "audited_estimate_tokens",
    "audited_net_tokens",
    "audited_estimate_microusd",
    "audited_net_microusd",
)
DIMENSIONS = ("day", "tool", "model", "project")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


def _owner() -> Column[int]:
    return Column("seq", ForeignKey("offload.seq", ondelete="CASCADE"), primary_key=True)


offload = Table(
    "offload",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("started_at", Float, nullable=False),
    Column("ended_at", Float),
    _text("day"),
    _text("tool"),
    _text("task"),
    _text("names"),
    _text("client"),
    _text("session"),
    Column("tool_use_id", Text),
    _text("project"),
    Column("output", Text),
    _text("outcome"),
    _text("code"),
    _text("summary"),
    _text("model"),
    _text("backend"),
    _count("prompt_tokens"),
    _count("completion_tokens"),
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("undone", Boolean, nullable=False, server_default="0"),
    _text("family"),
    _text("price_model"),
    *(_count(figure) for figure in RECEIPT_FIGURES),
    _text("terms"),
    Column("audited_net_tokens", Integer),
    Column("audited_net_microusd", Integer),
    # The batch that contains the offload.
    Column("job_id", Text),
    _text("strength"),
    _text("chore_kind"),
    _text("reviewed"),
    # Net of the user's own call, as if Claude had made it; 0 for other calls.
    _count("would_save_tokens"),
    # Each filter is one range of its index. The range is in the list's order, because SQLite appends seq.
    *(
        Index(f"ix_offload_{name}", name)
        for name in ("tool", "outcome", "model", "project", "client", "strength")
    ),
    Index("ix_offload_started_at", "started_at"),
    Index("ix_offload_net_tokens", "net_tokens"),
    Index("ix_offload_seconds", "seconds"),
    Index("ix_offload_day", "day"),
    Index("ix_offload_tool_use_id", "tool_use_id"),
    Index("ix_offload_job_id", "job_id"),
)

offload_text = Table(
    "offload_text",
    metadata,
    _owner(),
    Column("arguments", Text, nullable=False, server_default="{}"),
    _text("diff"),
    Column("timings", Text, nullable=False, server_default="{}"),
    Column("notices", Text, nullable=False, server_default="[]"),
)

attempt = Table(
    "attempt",
    metadata,
    _owner(),
    Column("number", Integer, primary_key=True),
    _text("kind"),
    Column("prompt", Text, nullable=False, server_default="[]"),
    _text("answer"),
    _text("thinking"),
    _text("finish_reason"),
    _count("prompt_tokens"),
    _count("completion_tokens"),
    Column("checks", Text, nullable=False, server_default="[]"),
    Column("timings", Text, nullable=False, server_default="{}"),
)

file = Table(
    "file",
    metadata,
    _owner(),
    Column("position", Integer, primary_key=True),
    _text("path"),
    _text("role"),
    _text("digest"),
    _count("size"),
    _text("selection"),
)

# ``before`` is NULL if the file did not exist.
undo = Table(
    "undo",
    metadata,
    _owner(),
    _text("path"),
    Column("before", LargeBinary),
    _text("after_digest"),
)

# Results of the transcript check, see ``server.ledger.transcripts.check``.
audit = Table(
    "audit",
    metadata,
    _owner(),
    Column("audited_at", Float, nullable=False),
    _text("ending"),
    Column("survived", Float),
    Column("measured", Boolean, nullable=False, server_default="0"),
    _text("family"),
    _text("price_model"),
    *(_count(figure) for figure in RECEIPT_FIGURES),
    _text("terms"),
)

# Progress in each of the client's transcripts, the state for the next pass, and the summary for the reports.
# State and summary are JSON.
transcript = Table(
    "transcript",
    metadata,
    Column("path", Text, primary_key=True),
    _count("size"),
    _count("mtime_ns"),
    _count("position"),
    Column("state", Text, nullable=False, server_default="{}"),
    Column("summary", Text, nullable=False, server_default="{}"),
)


# The messages for which a transcript was charged, because a forked session repeats messages of the earlier
# session. ``owner`` identifies the transcript.
charged_message = Table(
    "charged_message",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("owner", Integer, nullable=False),
    Index("ix_charged_message_owner", "owner"),
)

# Number of a transcript's requests that sent the result of one of the app's calls. A forked session sends it
# again.
call_requests = Table(
    "call_requests",
    metadata,
    Column("tool_use_id", Text, primary_key=True),
    Column("owner", Integer, primary_key=True),
    Column("requests", Integer, nullable=False),
)

# Sessions that take part in a measured comparison, see ``server.ledger.holdout``.
session_arm = Table(
    "session_arm",
    metadata,
    Column("session", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("held_out", Boolean, nullable=False),
)


# Measurements of models: one row for each model, and one for each chore in a measurement.
measurement = Table(
    "measurement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("measured_at", Float, nullable=False),
    Column("num_ctx", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("load_seconds", Float),
    Column("prompt_rate", Float, nullable=False),
    Column("generate_rate", Float, nullable=False),
    Column("speedup", Float, nullable=False),
    Index("ix_measurement_measured_at", "measured_at"),
)

measured_chore = Table(
    "measured_chore",
    metadata,
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("category", Text, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)


def _sums(name: str) -> Table:
    return Table(
        name,
        metadata,
        *(Column(dimension, Text, primary_key=True) for dimension in DIMENSIONS),
        *(_count(measure) for measure in MEASURES),
    )


total = _sums("total")
removed = _sums("removed")
