"""Digests of long texts."""
