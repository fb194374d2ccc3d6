"""Delivers a checked result: atomic writes, undo, recovery."""
