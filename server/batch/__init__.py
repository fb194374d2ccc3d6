"""Many tasks as durable jobs: rows before the first token, resumed after a crash."""
