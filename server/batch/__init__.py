"""Batches of tasks as durable jobs, stored as rows before the first token and resumed after a crash."""
