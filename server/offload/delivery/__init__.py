"""Delivery of a checked result: atomic writes, undo, recovery."""
