"""Digests of tool output, logs and data, made without a model."""
