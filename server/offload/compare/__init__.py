"""Structural comparison of a file before and after an edit."""
