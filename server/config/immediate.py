"""Settings that take effect as soon as they are saved, and those that need a restart."""

from server.config.settings import Settings

AFTER_RESTART = frozenset({
    # Read once, at the start of the process.
    "port",
    "log_level",
    "offload.check_env",
    # Size of a queue that already exists.
    "offload.queue_limit",
    # Tokenizer and prices that running digests and stored receipts share.
    "ledger.model",
    # The connection to the engine, and the engine itself.
    "backend",
    "embedded",
    # Databases and caches are opened with them, and old entries are removed at the start.
    "history.contents",
    "policy",
    "savings",
})  # fmt: skip
"""Settings that need a restart, by key or table. All others are read for each call."""


def needs_restart(section: str, name: str) -> bool:
    """Return whether a setting takes effect only after a restart. ``section`` is empty at the top level."""
    return bool(AFTER_RESTART & {section or name, f"{section}.{name}"})


def with_immediate(running: Settings, written: Settings) -> Settings:
    """Return the running settings, updated with the written ones that take effect immediately."""
    changes: dict[str, object] = {}
    for table in type(running).model_fields:
        now, then = getattr(running, table), getattr(written, table)
        keys = getattr(type(now), "model_fields", None)
        if keys is None:
            changes[table] = now if needs_restart("", table) else then
        else:
            kept = {key: getattr(now, key) for key in keys if needs_restart(table, key)}
            changes[table] = then.model_copy(update=kept)
    return running.model_copy(update=changes)
