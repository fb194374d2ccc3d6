"""Batches: one card for each."""
