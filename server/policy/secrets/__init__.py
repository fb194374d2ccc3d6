"""Finds and removes secrets in results."""
