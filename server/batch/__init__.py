"""Many tasks as durable jobs: stored as rows before the first token, resumed after a crash."""
